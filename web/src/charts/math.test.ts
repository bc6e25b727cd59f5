import { describe, expect, it } from 'vitest';
import { coverage } from './coverage';
import { ema } from './ema';
import { patience, paceOf, rollingWindow } from './throughput';

describe('trend line', () => {
  it('changes nothing without smoothing', () => expect(ema([3, 1, 2], 0)).toEqual([3, 1, 2]));
  it('has no start-up bias', () => {
    const trend = ema([5, 5, 5, 5], 0.9);
    for (const value of trend) expect(value).toBeCloseTo(5, 12);
  });
  it('follows a step slowly', () => {
    const trend = ema([0, 0, 0, 10], 0.5) as number[];
    expect(trend[3]).toBeGreaterThan(5);
    expect(trend[3]).toBeLessThan(6);
  });
  it('leaves a gap where the loss is no number, and goes on after it', () => {
    const trend = ema([2, NaN, null, 2], 0.8);
    expect(trend.slice(1, 3)).toEqual([null, null]);
    expect(trend[3]).toBeCloseTo(2, 12);
  });
});

const shares = (rows: Record<number, number[]>) =>
  new Map(
    Object.entries(rows).flatMap(([layer, row]) =>
      row.map((share, e) => [`moe/load/${layer}/${e}`, share] as const),
    ),
  );

describe('expert coverage', () => {
  it('is full when every expert has its fair share', () => {
    const result = coverage(shares({ 0: [0.25, 0.25, 0.25, 0.25] }), 4)!;
    expect(result.mean).toEqual([1, 1, 1, 1]);
    expect(result).toMatchObject({ dead: 0, imbalance: { layer: 0, value: 0 } });
  });

  it('caps each layer before the mean, so that a rich layer hides no poor one', () => {
    const result = coverage(shares({ 0: [0.5, 0.5], 1: [1, 0] }), 2)!;
    expect(result.mean).toEqual([1, 0.5]);
    expect(result.ratios[1]).toEqual([2, 0]);
    expect(result.worst).toEqual({ layer: 1, expert: 1, coverage: 0 });
    expect(result.dead).toBe(1);
    expect(result.imbalance).toEqual({ layer: 1, value: 1 });
  });

  it('takes the layer numbers as they are named', () => {
    const result = coverage(shares({ 11: [0.5, 0.5], 3: [0.9, 0.1] }), 2)!;
    expect(result.layers).toEqual([3, 11]);
    expect(result.worst!.layer).toBe(3);
    expect(result.worst!.coverage).toBeCloseTo(0.2, 12);
  });

  it('does not take unknown for dead', () => {
    const result = coverage(new Map([['moe/load/0/0', 0.6]]), 4)!;
    expect(result.mean).toEqual([1, null, null, null]);
    expect(result.dead).toBe(0);
  });

  it('is nothing without routing', () => {
    expect(coverage(new Map([['train/loss', 1]]), 8)).toBeNull();
  });
});

describe('throughput', () => {
  it('is judged against the window', () => {
    expect(paceOf(80, 100)).toBe('good');
    expect(paceOf(79, 100)).toBe('slow');
    expect(paceOf(49, 100)).toBe('stalled');
  });

  it('keeps four minutes', () => {
    const window = rollingWindow([0, 100, 300], [10, 20, 40], 310, true);
    expect(window.times).toEqual([100, 300]);
    expect(window).toMatchObject({ current: 40, average: 30, peak: 40, silence: 10 });
  });

  it('waits three log intervals, at least ten seconds', () => {
    expect(patience([0, 1, 2, 3])).toBe(10);
    expect(patience([0, 20, 40])).toBe(60);
    expect(rollingWindow([0, 1, 2], [9, 9, 9], 12, true).pace).toBe('good');
    expect(rollingWindow([0, 1, 2], [9, 9, 9], 13, true).pace).toBe('stalled');
  });

  it('is not stalled once the run has ended', () => {
    expect(rollingWindow([0, 1, 2], [9, 9, 9], 100, false).pace).toBe('good');
  });

  it('knows nothing when nothing came', () => {
    const window = rollingWindow([], [], 100, true);
    expect(window).toMatchObject({ current: null, average: null, peak: null, silence: null, pace: null });
  });
});
