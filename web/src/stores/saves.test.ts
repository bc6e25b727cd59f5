import { describe, expect, it } from 'vitest';
import { nextSave } from './saves';

const run = {
  step: 120,
  total_steps: 1000,
  epoch: 1.2,
  total_epochs: 10,
  eta_seconds: 440,
  started_at: 1000,
};
const never = { steps: 0, minutes: 0, epochs: false };

describe('the next checkpoint that comes by itself', () => {
  it('is due at a step, in so many seconds, or at the end of an epoch', () => {
    expect(nextSave({ ...never, steps: 50 }, run, null, 1030)).toEqual({ step: 149, seconds: 14.5 });
    expect(nextSave({ ...never, steps: 50 }, { ...run, step: 149 }, null, 1030)?.step).toBe(199);
    expect(nextSave({ ...never, minutes: 2 }, run, null, 1030)).toEqual({ seconds: 90 });
    expect(nextSave({ ...never, minutes: 2 }, run, 1020, 1030)).toEqual({ seconds: 110 });
    expect(nextSave({ ...never, minutes: 2 }, run, null, 9999)).toEqual({ seconds: 0 });
    const epoch = nextSave({ ...never, epochs: true }, run, null, 1030);
    expect(epoch?.epoch).toBe(2);
    expect(epoch?.seconds).toBeCloseTo(40);
    expect(
      nextSave({ ...never, epochs: true }, { ...run, epoch: 0.2, total_epochs: 0.5 }, null, 0)?.epoch,
    ).toBe(1);
  });

  it('is the one that is due first', () => {
    expect(nextSave({ steps: 50, minutes: 2, epochs: true }, run, null, 1030)?.step).toBe(149);
    expect(nextSave({ steps: 500, minutes: 2, epochs: true }, run, null, 1030)?.epoch).toBe(2);
    expect(nextSave({ steps: 500, minutes: 1, epochs: true }, run, null, 1030)).toEqual({ seconds: 30 });
  });

  it('tells the place also where the pace is not known', () => {
    const slow = { ...run, eta_seconds: null };
    expect(nextSave({ ...never, steps: 50 }, slow, null, 1030)).toEqual({ step: 149, seconds: null });
    expect(nextSave({ ...never, epochs: true }, slow, null, 1030)).toEqual({ epoch: 2, seconds: null });
  });

  it('is not known without a cadence or a place', () => {
    expect(nextSave(never, run, null, 1030)).toBeNull();
    expect(nextSave({ ...never, steps: 50 }, { ...run, step: null }, null, 1030)).toBeNull();
    expect(nextSave({ ...never, epochs: true }, { ...run, epoch: null }, null, 1030)).toBeNull();
  });
});
