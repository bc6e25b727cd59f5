import { describe, expect, it } from 'vitest';
import { coverage } from './coverage';
import { Series } from '../stores/series';
import { Trend } from './trend';
import { patience, paceOf, rollingWindow, spanShown } from './throughput';

function seriesOf(values: number[]): Series {
  const series = new Series();
  values.forEach((value, i) => series.append(i, i, i, value));
  return series;
}

const shares = (rows: Record<number, number[]>) =>
  new Map(
    Object.entries(rows).flatMap(([layer, row]) =>
      row.map((share, e) => [`moe/load/${layer}/${e}`, share] as const),
    ),
  );

describe('trend line', () => {
  const ema = (values: number[], weight: number) => [...new Trend().of(seriesOf(values), weight)];

  it('changes nothing without smoothing', () => expect(ema([3, 1, 2], 0)).toEqual([3, 1, 2]));
  it('has no start-up bias', () => {
    const trend = ema([5, 5, 5, 5], 0.9);
    for (const value of trend) expect(value).toBeCloseTo(5, 12);
  });
  it('follows a step slowly', () => {
    const trend = ema([0, 0, 0, 10], 0.5);
    expect(trend[3]).toBeGreaterThan(5);
    expect(trend[3]).toBeLessThan(6);
  });
  it('leaves a gap where the loss is no number, and goes on after it', () => {
    const trend = ema([2, NaN, Infinity, 2], 0.8);
    expect(trend.slice(1, 3)).toEqual([NaN, NaN]);
    expect(trend[3]).toBeCloseTo(2, 12);
  });
  it('grows with its course, and is the same as if it were made anew', () => {
    const series = seriesOf([3, 1]);
    const grown = new Trend();
    grown.of(series, 0.7);
    for (let i = 2; i < 20_000; i++) {
      series.append(i, i, i, Math.sin(i));
      if (i % 1000 === 0) grown.of(series, 0.7);
    }
    expect([...grown.of(series, 0.7)]).toEqual([...new Trend().of(series, 0.7)]);
    expect([...grown.of(series, 0.2)]).toEqual([...new Trend().of(series, 0.2)]);
  });
});

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
  it('is counted over all values, whatever is drawn of them', () => {
    const times = Array.from({ length: 40_000 }, (_, i) => i * 0.006);
    const values = times.map((_, i) => (i === 20_000 ? 999 : i % 2 ? 30 : 10));
    const window = rollingWindow(times, values, 240, true, 300);
    expect(window.times.length).toBeLessThan(1000);
    expect(window.peak).toBe(999);
    expect(window.average).toBeCloseTo(values.reduce((sum, one) => sum + one, 0) / values.length, 9);
  });

  it('of a young run is not pressed to the edge', () => {
    expect(spanShown(null, 100)).toBe(20);
    expect(spanShown(40, 100)).toBe(60);
    expect(spanShown(0, 1000)).toBe(240);
  });

  it('is judged against the window', () => {
    expect(paceOf(80, 100)).toBe('good');
    expect(paceOf(79, 100)).toBe('slow');
    expect(paceOf(49, 100)).toBe('low');
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
