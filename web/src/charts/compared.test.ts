import { describe, expect, it } from 'vitest';
import { Series } from '../stores/series';
import { comparedScene, footOf, numbersBeside, placesOn, type Course } from './compared';
import { drawnOf } from './drawn';
import type { Look } from './look';
import { toCsv } from './numbers';

function course(label: string, points: [step: number, time: number, value: number][], start: number | null) {
  const series = new Series();
  for (const [step, time, value] of points) series.append(step, step / 10, time, value);
  const one: Course = {
    key: label,
    runId: label,
    name: 'm',
    label,
    colour: '#123456',
    series,
    smoothing: 0,
    start,
  };
  return one;
}

const a = course(
  'a',
  [
    [0, 1000, 1],
    [10, 1010, 0.5],
    [20, 1020, NaN],
  ],
  990,
);
const b = course(
  'b',
  [
    [5, 5000, 2],
    [10, 5001, 1.5],
  ],
  null,
);

describe('courses of several runs', () => {
  it('are aligned by step, and nothing stands between their points', () => {
    expect(numbersBeside([a, b], 'step', null)).toEqual({
      columns: ['step', 'a', 'b'],
      rows: [
        [0, 1, null],
        [5, null, 2],
        [10, 0.5, 1.5],
        [20, NaN, null],
      ],
    });
    expect(numbersBeside([a, b], 'epoch', { from: 0.6, to: 1 }).rows).toEqual([[1, 0.5, 1.5]]);
  });

  it('begin at the start of their run, or at their first point where nobody knows it', () => {
    expect(numbersBeside([a, b], 'time', null).rows.map(row => row[0])).toEqual([0, 1, 10, 20, 30]);
    expect(numbersBeside([a, b], 'clock', null).rows[0]).toEqual([1000, 1, null]);
  });

  it('go on growing on an axis of time', () => {
    const one = course('grows', [[0, 100, 1]], 90);
    expect([...placesOn('time')(one, one.series)!]).toEqual([10]);
    one.series.append(1, 0.1, 105, 2);
    expect([...placesOn('time')(one, one.series)!]).toEqual([10, 15]);
    one.series.cut(1);
    one.series.append(1, 0.1, 130, 3);
    expect([...placesOn('time')(one, one.series)!]).toEqual([10, 40]);
  });

  it('are left out of an axis that they do not have', () => {
    const series = new Series();
    series.append(NaN, NaN, 7, 3);
    const parsed: Course = { ...b, key: 'p', label: 'p', series };
    expect(
      drawnOf([a, parsed], { by: 'step', places: placesOn('epoch'), shown: null, pixels: 100 }),
    ).toHaveLength(1);
    expect(numbersBeside([a, parsed], 'step', null).columns).toEqual(['step', 'a']);
    expect(numbersBeside([a, parsed], 'clock', null).columns).toEqual(['time', 'a', 'p']);
  });

  it('keep what was logged twice at one step, and the bounds of what stands for several', () => {
    const twice = course(
      't',
      [
        [1, 1, 1],
        [1, 2, 5],
      ],
      0,
    );
    twice.series.append(2, 0.2, 3, 2, NaN, NaN, 1, 4);
    expect(numbersBeside([twice], 'step', null)).toEqual({
      columns: ['step', 't', 't min', 't max'],
      rows: [
        [1, 1, 1, 1],
        [1, 5, 5, 5],
        [2, 2, 1, 4],
      ],
    });
    expect(toCsv(numbersBeside([a, b], 'step', null)).split('\r\n')[2]).toBe('5,,2');
  });
});

it('marks of wall time stand at whole minutes, those of steps are round', () => {
  expect(footOf('clock').ticks(1000, 1300, 5)).toEqual([1020, 1080, 1140, 1200, 1260]);
  expect(footOf('step').ticks(0, 100, 5)).toEqual([0, 20, 40, 60, 80, 100]);
  expect(footOf('time').text(95)).toBe('1:35');
});

it('a picture of many runs has its legend beneath, all of it', () => {
  const many = Array.from({ length: 20 }, (_, i) => ({
    ...a,
    key: `k${i}`,
    label: `a run with a long name ${i}`,
  }));
  const look = { text: '#fff', faint: '#888', grid: '#333', panel: '#000', warn: '#ff0', face: 'x' } as Look;
  const scene = comparedScene(
    { title: 'm', lines: many, axis: 'step', shown: null, logarithmic: false, all: true, look },
    'step',
  )!;
  const texts = scene.shapes.flatMap(shape => (shape.kind === 'text' ? [shape] : []));
  for (const { label } of many) {
    const found = texts.find(shape => shape.text === label)!;
    expect(found.x + label.length * 6.6).toBeLessThan(scene.width);
    expect(found.y).toBeLessThan(scene.height);
  }
});
