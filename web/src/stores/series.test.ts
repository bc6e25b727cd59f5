import { describe, expect, it } from 'vitest';
import type { Column, Metrics } from '../wire/generated';
import { Series, SeriesBook } from './series';

const event = (step: number, values: Metrics['values']): Metrics => ({
  type: 'metrics',
  seq: step,
  time: 1000 + step,
  attempt: 1,
  step,
  epoch: step / 10,
  values,
});

const column = (values: Column['value']): Column => ({
  step: values.map((_, i) => i),
  epoch: values.map(() => null),
  time: values.map((_, i) => i),
  value: values,
  min: values,
  max: values,
  log_offset: values.map(() => null),
});

describe('Series', () => {
  it('keeps what it had when it grows', () => {
    const series = new Series(2);
    for (let i = 0; i < 100; i++) series.append(i, i / 10, i, i * i);
    expect(series.length).toBe(100);
    expect([series.values[0], series.values[57], series.last]).toEqual([0, 57 * 57, 99 * 99]);
  });
});

describe('SeriesBook', () => {
  it('goes on where the HTTP answer ended', () => {
    const book = new SeriesBook();
    book.replace({ 'train/loss': column([5, 4]) });
    book.append(event(2, { 'train/loss': 3 }));
    expect([...book.get('train/loss')!.values]).toEqual([5, 4, 3]);
    expect(book.last('train/loss')).toBe(3);
  });

  it('keeps NaN as NaN and skips what is missing', () => {
    const book = new SeriesBook();
    book.replace({ 'train/loss': column([5, null, 'NaN', 'Infinity']) });
    expect([...book.get('train/loss')!.values]).toEqual([5, NaN, Infinity]);
  });

  it('keeps the last expert loads alone', () => {
    const book = new SeriesBook();
    book.append(event(0, { 'moe/load/0/1': 0.25 }));
    book.append(event(1, { 'moe/load/0/1': 0.5 }));
    expect(book.get('moe/load/0/1')).toBeNull();
    expect(book.last('moe/load/0/1')).toBe(0.5);
  });

  it('keeps what a later attempt went back behind apart from the course', () => {
    const book = new SeriesBook();
    book.replace({ 'train/loss': column([5, 4]) });
    book.replaceSuperseded({
      'train/loss': [
        { ...column([3, 2]), attempt: 1 },
        { ...column([]), attempt: 2 },
      ],
    });
    expect([...book.get('train/loss')!.values]).toEqual([5, 4]);
    expect(book.superseded('train/loss').map(series => [...series.values])).toEqual([[3, 2]]);
    expect(book.superseded('eval/loss')).toEqual([]);
    book.replaceSuperseded({ 'train/loss': [] });
    expect(book.superseded('train/loss')).toEqual([]);
  });

  it('goes back with a resume: what lies beyond is superseded at once', () => {
    const book = new SeriesBook();
    for (let step = 0; step < 5; step++) book.append(event(step, { 'train/loss': step }));
    book.append(event(3, { 'train/loss': 30 }));
    book.append(event(4, { 'train/loss': 40 }));
    expect([...book.get('train/loss')!.values]).toEqual([0, 1, 2, 30, 40]);
    expect([...book.superseded('train/loss')[0]!.values]).toEqual([3, 4]);
  });

  it('takes two points at one step as they come', () => {
    const book = new SeriesBook();
    book.append(event(3, { 'eval/loss': 1 }));
    book.append(event(3, { 'eval/loss': 2 }));
    expect([...book.get('eval/loss')!.values]).toEqual([1, 2]);
  });

  it('forgets all when it is cleared', () => {
    const book = new SeriesBook();
    book.append(event(0, { 'train/loss': 1, 'moe/load/0/0': 1 }));
    book.clear();
    expect([book.get('train/loss'), book.last('moe/load/0/0'), book.size]).toEqual([null, null, 0]);
  });

  it('takes values of any name', () => {
    const book = new SeriesBook();
    book.append(event(0, { constructor: 1, __proto__x: 2 }));
    expect(book.last('constructor')).toBe(1);
  });
});
