import { describe, expect, it } from 'vitest';
import type { Checkpoint, HyperparameterChange } from '../wire/generated';
import { isSuperseded, markersOf, placeOf, type Marker } from './markers';

const change = (step: number | null, name: string) => ({ step, name, time: 0 }) as HyperparameterChange;
const checkpoint = (step: number, failed: string | null = null) => ({ step, failed, time: 0 }) as Checkpoint;
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

describe('a marker', () => {
  const at = (step: number, time: number): Marker => ({ kind: 'checkpoint', step, time, lines: [] });
  // Steps 0 to 2 of the first attempt, then 3 and 4 of a second one that resumed from step 2 much later.
  const steps = [0, 1, 2, 3, 4];
  const times = [10, 20, 30, 1030, 1040];

  it('of the course stays', () => {
    expect(isSuperseded(at(2, 30.2), steps, times)).toBe(false);
    expect(isSuperseded(at(4, 1041), steps, times)).toBe(false);
    expect(isSuperseded(at(5, 1050), steps, times)).toBe(false);
  });

  it('that a later attempt went back behind is superseded, also before the course is there again', () => {
    expect(isSuperseded(at(3, 40), steps, times)).toBe(true);
    expect(isSuperseded(at(900, 500), steps, times)).toBe(true);
    expect(isSuperseded(at(900, 500), [], [])).toBe(false);
  });
});
