import { describe, expect, it } from 'vitest';
import type { RunSummary } from '../wire/generated';
import { arranged } from './cards';

const run = (name: string, level: RunSummary['health']['level'], created_at: number) =>
  ({
    run_id: name,
    name,
    profile_id: 'tiny-moe',
    dataset_id: null,
    health: { level },
    created_at,
  }) as RunSummary;

const RUNS = [
  run('old', 'good', 1),
  run('new', 'neutral', 3),
  run('ill', 'trouble', 2),
  run('slow', 'attention', 0),
];

describe('cards', () => {
  it('begin with who needs a person, then the newest', () =>
    expect(arranged(RUNS, '').map(one => one.name)).toEqual(['ill', 'slow', 'new', 'old']));

  it('are found by name, id, profile and dataset', () => {
    expect(arranged(RUNS, ' OLD ').map(one => one.name)).toEqual(['old']);
    expect(arranged(RUNS, 'moe')).toHaveLength(4);
    expect(arranged(RUNS, 'nothing')).toEqual([]);
  });
});
