import { describe, expect, it } from 'vitest';
import type { RunSummary } from '../wire/generated';
import { readLook, settled, slotsFor, USUAL, withEarlier, writeLook, type CompareLook } from './comparequery';

const look: CompareLook = {
  runs: ['a', 'b c', 'd,e'],
  slots: [0, 3, 1],
  metrics: ['eval/loss', 'a&b=c,d'],
  axis: 'clock',
  smoothing: 0.6,
  log: true,
  hidden: ['b c'],
  all: true,
};

describe('the address of a comparison', () => {
  it('says all that shapes it', () => {
    const one = { ...look, runs: ['a', 'b c'], slots: [0, 3] };
    expect(readLook(writeLook(one))).toEqual(one);
    expect(writeLook({ ...one, slots: [0, 1], hidden: [], all: false })).toBe(
      '?runs=a,b%20c&metric=eval%2Floss&metric=a%26b%3Dc%2Cd&axis=clock&smooth=0.6&log=1',
    );
  });

  it('leaves open what is usual here', () => {
    const usual = { metrics: ['x'], axis: 'epoch', smoothing: 0.5, log: true } as const;
    expect(readLook('?runs=a,b', usual)).toMatchObject(usual);
    expect(readLook('?runs=a,b&log=0&smooth=0&axis=step&metric=y', usual)).toMatchObject({
      ...USUAL,
      metrics: ['y'],
    });
  });

  it('takes nothing from a damaged one', () => {
    expect(readLook('?runs=a,,a,b&slots=7,x&axis=sideways&smooth=7&hide=z&metric=&log=maybe')).toEqual({
      ...USUAL,
      runs: ['a', 'b'],
      slots: [7, 0],
      hidden: [],
      all: false,
    });
    expect(readLook('').runs).toEqual([]);
  });
});

describe('slots', () => {
  it('stay with their runs when others go, and new ones take what is free', () => {
    expect(slotsFor(3, [])).toEqual([0, 1, 2]);
    expect(slotsFor(3, [2, 0])).toEqual([2, 0, 1]);
    expect(slotsFor(4, [1, 1, -1, 99])).toEqual([1, 0, 2, 3]);
  });

  it('follow a run from its name to its id', () => {
    const asked = { runs: ['name', 'gone', 'id-2'], slots: [4, 5, 6], hidden: ['name'] };
    expect(settled(asked, ['id-1', 'id-2'], ['gone'])).toEqual({
      runs: ['id-1', 'id-2', 'gone'],
      slots: [4, 6, 0],
      hidden: ['id-1'],
    });
    const twice = { runs: ['name', 'id-1', 'id-2'], slots: [0, 1, 2], hidden: [] };
    expect(settled(twice, ['id-1', 'id-2'], [])).toMatchObject({ runs: ['id-1', 'id-2'], slots: [1, 2] });
  });
});

it('a run stands after the newest earlier ones of its profile and dataset', () => {
  const run = (run_id: string, created_at: number, dataset_id: string | null = 'd') =>
    ({ run_id, created_at, profile_id: 'p', dataset_id }) as RunSummary;
  const all = [1, 2, 3, 4, 5, 6, 8].map(time => run(`r${time}`, time));
  const mine = run('mine', 7);
  expect(withEarlier('mine', mine, [...all, mine, run('other', 6, 'x')])).toEqual([
    ...['r2', 'r3', 'r4', 'r5', 'r6'],
    'mine',
  ]);
  expect(withEarlier('mine', run('mine', 7, null), all)).toEqual(['mine']);
});
