import { describe, expect, it } from 'vitest';
import { canApply, outcome, restartOverrides, rowsShown, type Row } from './diff';

const row = (key: string, file: unknown, live: unknown, applies: Row['applies'] = 'live'): Row =>
  ({ key, name: key, file, launched: live, live, applies, changed: file !== live }) as unknown as Row;

describe('the rows of a config diff', () => {
  const rows = [row('rate', 2, 1), row('seed', 3, 3), row('batch', 16, 8, 'restart')];

  it('are the changed ones at first', () => {
    expect(rowsShown(rows, false).map(one => one.key)).toEqual(['rate', 'batch']);
    expect(rowsShown(rows, true)).toHaveLength(3);
  });

  it('can be ticked where the trainer can take them over while it runs', () => {
    expect(rows.filter(canApply).map(one => one.key)).toEqual(['rate']);
    expect(canApply(row('every', 10, 20, 'next_checkpoint'))).toBe(true);
  });

  it('hand over to a restart what only a restart can change', () => {
    expect(restartOverrides(rows)).toEqual({ batch: 16 });
  });
});

describe('what became of a ticked key', () => {
  it('is told from what is live now', () => {
    const asked = row('rate', 2, 1);
    expect(outcome(asked, row('rate', 2, 2), false)).toBe('applied');
    expect(outcome(asked, row('rate', 2, 1), true)).toBe('waiting');
    expect(outcome(asked, row('rate', 2, 1), false)).toBe('not_applied');
    expect(outcome(row('every', 2, 1, 'next_checkpoint'), row('every', 2, 1), false)).toBe('next_checkpoint');
  });
});
