import { describe, expect, it } from 'vitest';
import { Series } from '../stores/series';
import { aligned, drawnOf, nearest, wholeOf, type Line } from './drawn';
import { matching, groupsOf, titleOf } from './groups';
import { numbersOf, toCsv } from './numbers';
import { stepsWithin } from './places';
import { heightOf } from './range';
import { logTicks, ticksOf } from './ticks';

function lineOf(points: [number, number][], more: Partial<Line> = {}): Line {
  const series = new Series();
  points.forEach(([step, value], i) => series.append(step, step / 10, 100 + step, value, i * 8, i));
  return { key: 'a', name: 'train/loss', label: 'train', colour: '#000', series, smoothing: 0, ...more };
}

const all = { by: 'step', shown: null, pixels: 300 } as const;

describe('what is drawn', () => {
  it('has about as many points as pixels, its extremes among them', () => {
    const line = lineOf(Array.from({ length: 8000 }, (_, i) => [i, i === 4321 ? 50 : Math.sin(i)]));
    const [drawn] = drawnOf([line], all);
    expect(drawn!.xs.length).toBeLessThan(700);
    expect(Math.max(...drawn!.ys)).toBe(50);
  });

  it('of a part has the part alone, and one point beyond on each side', () => {
    const line = lineOf(Array.from({ length: 100 }, (_, i) => [i, i]));
    const [drawn] = drawnOf([line], { ...all, shown: { from: 10, to: 12 } });
    expect([...drawn!.xs]).toEqual([9, 10, 11, 12]);
  });

  it('prefers a closer look where there is one', () => {
    const close = lineOf([
      [5, 1],
      [6, 2],
    ]).series;
    const [drawn] = drawnOf([lineOf([[0, 9]], { close })], all);
    expect([...drawn!.ys]).toEqual([1, 2]);
  });

  it('stands on one axis: nothing where a course has no point, a gap where it is no number', () => {
    const a = lineOf([
      [0, 1],
      [2, NaN],
      [4, 3],
    ]);
    const b = lineOf([[2, 7]], { key: 'b' });
    expect(aligned(drawnOf([a, b], all))).toEqual([
      [0, 2, 4],
      [1, null, 3],
      [undefined, 7, undefined],
    ]);
  });

  it('finds the nearest point', () => {
    const line = lineOf([
      [0, 1],
      [10, 2],
      [30, 3],
    ]);
    const [drawn] = drawnOf([line], all);
    expect([-5, 4, 6, 19, 21, 99].map(x => nearest(drawn!, x))).toEqual([0, 0, 1, 1, 2, 2]);
    expect(wholeOf([line], 'step')).toEqual({ from: 0, to: 30 });
    expect(wholeOf([], 'step')).toBeNull();
  });

  it('knows the steps around a part of any axis', () => {
    const { series } = lineOf(Array.from({ length: 50 }, (_, i) => [i, i]));
    expect(stepsWithin(series, 'epoch', 1, 2)).toEqual({ from: 9, to: 20 });
    expect(stepsWithin(series, 'time', 110, 120)).toEqual({ from: 9, to: 20 });
  });
});

describe('the height of lines', () => {
  const noisy = (spike: number): Line =>
    lineOf(Array.from({ length: 200 }, (_, i) => [i, i === 100 ? spike : 1 + (i % 10) / 10]));
  const whole = { from: 0, to: 199 };

  it('leaves a far value outside and says so', () => {
    const height = heightOf(drawnOf([noisy(500)], all), whole, false);
    expect(height.high).toBeLessThan(5);
    expect(height.above).toEqual({ count: 1, value: 500 });
    expect(heightOf(drawnOf([noisy(500)], all), whole, true)).toMatchObject({ high: 500, above: null });
  });

  it('shows everything while it can be read', () => {
    expect(heightOf(drawnOf([noisy(4)], all), whole, false)).toMatchObject({ high: 4, above: null });
  });

  it('counts what is no number', () => {
    const line = lineOf([
      [0, 1],
      [1, NaN],
      [2, Infinity],
    ]);
    expect(heightOf(drawnOf([line], all), { from: 0, to: 2 }, false)).toMatchObject({ low: 1, strange: 2 });
  });
});

describe('numbers of a chart', () => {
  it('are the exact ones, a row for each moment', () => {
    const a = lineOf([
      [0, 0.1 + 0.2],
      [1, NaN],
    ]);
    const b = lineOf([[1, 1e-7]], { key: 'b', name: 'eval/loss' });
    expect(toCsv(numbersOf([a, b], 'step', null))).toBe(
      'step,epoch,time,train/loss,eval/loss\r\n0,0,100,0.30000000000000004,\r\n1,0.1,101,NaN,1e-7\r\n',
    );
    expect(numbersOf([a, b], 'step', { from: 1, to: 1 }).rows).toHaveLength(1);
  });

  it('cannot run in a spreadsheet, whatever a metric is called', () => {
    expect(toCsv({ columns: ['=cmd()', 'a "b", c'], rows: [] })).toBe(`'=cmd(),"a ""b"", c"\r\n`);
  });
});

describe('ticks', () => {
  it('are round', () => {
    expect(ticksOf(0, 1, 5).ticks).toEqual([0, 0.2, 0.4, 0.6000000000000001, 0.8, 1]);
    expect(logTicks(0.01, 10)).toEqual([0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10]);
  });
});

describe('names of metrics', () => {
  const names = ['eval/accuracy', 'eval/loss', 'train/loss', 'moe/load/0/1', 'moe/load/0/2'];

  it('are found by any words of them', () => expect(matching(names, 'LOSS ev')).toEqual(['eval/loss']));
  it('come in families that fit into a chart', () =>
    expect(groupsOf(names)).toEqual([{ name: 'eval/*', names: ['eval/accuracy', 'eval/loss'] }]));
  it('give a chart its title', () => {
    expect(titleOf(['eval/loss'])).toBe('eval/loss');
    expect(titleOf(names.slice(0, 2))).toBe('eval: accuracy, loss');
    expect(titleOf(names.slice(1, 3))).toBe('eval/loss, train/loss');
  });
});
