import { describe, expect, it } from 'vitest';
import type { Checkpoint, HyperparameterChange } from '../wire/generated';
import { markersOf, placeOf } from './markers';

const change = (step: number | null, name: string) => ({ step, name }) as HyperparameterChange;
const checkpoint = (step: number, failed: string | null = null) => ({ step, failed }) as Checkpoint;
const words = {
  change: (one: HyperparameterChange) => one.name,
  checkpoint: (one: Checkpoint) => `at ${one.step}`,
};

describe('markers', () => {
  it('of one step are one, in the order of the steps', () => {
    const found = markersOf(
      [change(5, 'rate'), change(5, 'decay'), change(2, 'rate')],
      [checkpoint(3)],
      words,
    );
    expect(found.map(one => [one.kind, one.step, one.lines])).toEqual([
      ['change', 2, ['rate']],
      ['checkpoint', 3, ['at 3']],
      ['change', 5, ['rate', 'decay']],
    ]);
  });

  it('leave out failed saves and changes of no known step', () => {
    expect(markersOf([change(null, 'rate')], [checkpoint(3, 'disk full')], words)).toEqual([]);
  });
});

describe('the place of a step', () => {
  const steps = [0, 10, 20];
  const epochs = [0, 0.5, 1];

  it('lies between its neighbours', () => {
    expect(placeOf(5, steps, epochs)).toBe(0.25);
    expect(placeOf(10, steps, epochs)).toBe(0.5);
    expect(placeOf(15, steps, epochs)).toBe(0.75);
  });

  it('is the end for what lies beyond, and nowhere without points', () => {
    expect(placeOf(-1, steps, epochs)).toBe(0);
    expect(placeOf(99, steps, epochs)).toBe(1);
    expect(placeOf(3, [], [])).toBeNull();
    expect(placeOf(3, [NaN], [0])).toBeNull();
  });
});
