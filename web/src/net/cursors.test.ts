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
