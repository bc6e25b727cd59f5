import { describe, expect, it } from 'vitest';
import type { ComparedRun, Comparison } from '../wire/generated';
import { bestRuns, oddRuns, shownSetting } from './compareresults';

const place = (value: number | string) => ({ value, step: 1, epoch: null });
const run = (id: string, lowest: number | null) =>
  ({
    run_id: id,
    metrics: {
      'eval/loss': { lowest: lowest === null ? null : place(lowest) },
      'eval/accuracy': { lowest: place(0.1) },
    },
  }) as unknown as ComparedRun;
const answer = {
  metrics: [
    { name: 'eval/loss', runs: 3, best: 'lowest' },
    { name: 'eval/accuracy', runs: 3, best: null },
  ],
} as unknown as Comparison;

describe('the best of several runs', () => {
  it('has the lowest loss, and there may be two', () => {
    expect([...bestRuns(answer, [run('a', 2), run('b', 1), run('c', 1)], 'eval/loss')]).toEqual(['b', 'c']);
  });

  it('is nobody where there is nothing to compare, or a name does not tell which end is better', () => {
    expect(bestRuns(answer, [run('a', 2), run('b', null)], 'eval/loss').size).toBe(0);
    expect(bestRuns(answer, [run('a', 2), run('b', 1)], 'eval/accuracy').size).toBe(0);
  });
});

describe('settings', () => {
  const setting = (values: Record<string, unknown>) => ({ key: 'k', differs: true, values });

  it('stand out where most runs have another value', () => {
    expect([...oddRuns(setting({ a: 1, b: 1, c: 2 }), ['a', 'b', 'c'])]).toEqual(['c']);
    expect([...oddRuns(setting({ a: 1, b: 1 }), ['a', 'b', 'c'])]).toEqual(['c']);
    expect([...oddRuns(setting({ a: 1, b: '1' }), ['a', 'b'])]).toEqual(['a', 'b']);
    expect(oddRuns({ ...setting({ a: 1, b: 1 }), differs: false }, ['a', 'b']).size).toBe(0);
  });

  it('are written as in a file, and unknown is a dash', () => {
    expect([undefined, null, true, 0.1, 'adamw', '0.1', 'true', '', ['q', 1]].map(shownSetting)).toEqual([
      '—',
      'null',
      'true',
      '0.1',
      'adamw',
      '"0.1"',
      '"true"',
      '""',
      '["q",1]',
    ]);
  });
});
