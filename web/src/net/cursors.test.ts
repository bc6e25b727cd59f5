import { describe, expect, it } from 'vitest';
import { CursorBook } from './cursors';

const metrics = (seq: number) => ({ seq, type: 'metrics' });
const state = (seq: number) => ({ seq, type: 'state' });

describe('CursorBook', () => {
  it('starts before everything', () => {
    expect(new CursorBook().now).toEqual({ events: -1, supervisor: -1, console: 0 });
  });

  it('passes each event once', () => {
    const book = new CursorBook();
    expect(book.fresh('trainer', [metrics(0), metrics(1)])).toHaveLength(2);
    expect(book.fresh('trainer', [metrics(1), metrics(2)])).toEqual([metrics(2)]);
    expect(book.now.events).toBe(2);
  });

  it('keeps the two streams apart', () => {
    const book = new CursorBook();
    book.fresh('trainer', [state(7)]);
    expect(book.fresh('supervisor', [state(3)])).toEqual([state(3)]);
    expect(book.now).toMatchObject({ events: 7, supervisor: 3 });
  });

  it('drops points that the metrics answer held, but not other events of that span', () => {
    const book = new CursorBook();
    book.saw({ events: 10, supervisor: 4, console: 100 });
    book.sawPoints(13, 4);
    expect(book.fresh('trainer', [metrics(11), state(12), metrics(13), metrics(14)])).toEqual([
      state(12),
      metrics(14),
    ]);
    expect(book.now.events).toBe(14);
  });

  it('does the same for points that the supervisor read from the output', () => {
    const book = new CursorBook();
    book.sawPoints(-1, 6);
    expect(book.fresh('supervisor', [metrics(5), state(6), metrics(7)])).toEqual([state(6), metrics(7)]);
  });

  it('survives a lost line: a gap in seq is no reason to wait', () => {
    const book = new CursorBook();
    expect(book.fresh('trainer', [metrics(0), metrics(5)])).toHaveLength(2);
  });

  it('never goes back', () => {
    const book = new CursorBook();
    book.saw({ events: 9, supervisor: 9, console: 900 });
    book.saw({ events: 3, supervisor: 3, console: 100 });
    book.sawConsole(500);
    expect(book.now).toEqual({ events: 9, supervisor: 9, console: 900 });
  });
});
