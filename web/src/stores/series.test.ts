import { describe, expect, it } from 'vitest';
import type { Column, Metrics } from '../wire/generated';
import { MOST_POINTS, Series } from './series';
import { SeriesBook } from './seriesbook';

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
  epoch: null,
  time: values.map((_, i) => i),
  value: values,
  min: null,
  max: null,
  log_offset: null,
});

describe('Series', () => {
  it('keeps what it had when it grows', () => {
    const series = new Series(2);
    for (let i = 0; i < 100; i++) series.append(i, i / 10, i, i * i);
    expect(series.length).toBe(100);
    expect([series.values[0], series.values[57], series.last]).toEqual([0, 57 * 57, 99 * 99]);
  });
});

describe('a course that grows for days', () => {
  const series = new Series();
  const value = (i: number) => (i === 123_456 ? 99 : i === 7_777 ? -99 : Math.sin(i / 1000));
  const rows = 400_000;
  for (let i = 0; i < rows; i++) series.append(i, i / 1000, i, value(i), i * 10, i);

  it('stays bounded', () => {
    expect(series.length).toBeLessThanOrEqual(MOST_POINTS);
    expect(series.length).toBeGreaterThan(MOST_POINTS / 4);
    expect(series.thinned).toBe(true);
  });

  it('keeps its extremes, each a true point', () => {
    const top = series.values.indexOf(99);
    expect(series.at(top)).toMatchObject({ step: 123_456, epoch: 123.456, offset: 1_234_560 });
    expect(series.values.includes(-99)).toBe(true);
    expect(series.lowest).toBe(-99);
    for (let i = 0; i < series.length; i += 97) expect(series.values[i]).toBe(value(series.steps[i]!));
  });

  it('keeps its ends, rises, and tells the bounds of what it left out', () => {
    expect([series.steps[0], series.lastStep]).toEqual([0, rows - 1]);
    for (let i = 1; i < series.length; i++) expect(series.steps[i]!).toBeGreaterThan(series.steps[i - 1]!);
    const { low, high, value: own } = series.at(100);
    expect(low).toBeLessThanOrEqual(own);
    expect(high).toBeGreaterThanOrEqual(own);
  });

  it('stays even: the old part is not coarser than the new one', () => {
    const older = series.steps.filter(step => step < rows / 2).length;
    expect(older / series.length).toBeGreaterThan(0.2);
  });

  it('keeps values that are no numbers', () => {
    const odd = new Series();
    for (let i = 0; i < 30_000; i++) odd.append(i, NaN, i, i === 5_000 ? NaN : 1);
    const at = odd.values.findIndex(Number.isNaN);
    expect(odd.steps[at]).toBe(5_000);
  });

  it('is thinned by the order of its points where nobody counts steps', () => {
    const stepless = new Series();
    for (let i = 0; i < 30_000; i++) stepless.append(NaN, NaN, i, i);
    expect(stepless.length).toBeLessThanOrEqual(MOST_POINTS);
    expect([stepless.times[0], stepless.lastTime]).toEqual([0, 29_999]);
  });
});

describe('SeriesBook', () => {
  it('puts an answer that comes late before the points that came meanwhile', () => {
    const book = new SeriesBook();
    for (const step of [1, 2, 3]) book.append(event(step, { 'train/x': step }));
    book.replace({ 'train/x': column([0, 1, 2]) }, 2);
    expect([...book.get('train/x')!.values]).toEqual([0, 1, 2, 3]);
    expect(book.last('train/x')).toBe(3);
    book.append(event(2, { 'train/x': 2 }));
    book.append(event(4, { 'train/x': 4 }));
    expect([...book.get('train/x')!.values]).toEqual([0, 1, 2, 3, 4]);
  });

  it('keeps every value of the last minutes of a rate, and forgets older ones', () => {
    const book = new SeriesBook();
    for (let step = 0; step < 3000; step++) book.append(event(step, { 'train/tokens_per_second': step }));
    const recent = book.recent('train/tokens_per_second')!;
    expect(recent.values.length).toBe(241);
    expect(recent.values.at(-1)).toBe(2999);
    expect(book.recent('train/loss')).toBeNull();
  });

  it('keeps the course of an expert once it is wanted', () => {
    const book = new SeriesBook();
    book.want('moe/load/0/1');
    book.append(event(0, { 'moe/load/0/1': 0.25 }));
    expect([...book.get('moe/load/0/1')!.values]).toEqual([0.25]);
  });

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
    const attempts = [
      { ...column([3, 2]), attempt: 1 },
      { ...column([]), attempt: 2 },
    ];
    book.replaceSuperseded({ 'train/loss': attempts }, ['train/loss']);
    expect([...book.get('train/loss')!.values]).toEqual([5, 4]);
    expect(book.superseded('train/loss').map(series => [...series.values])).toEqual([[3, 2]]);
    expect(book.superseded('eval/loss')).toEqual([]);
    book.replaceSuperseded({}, ['train/loss']);
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
    expect([book.get('train/loss'), book.last('moe/load/0/0'), book.loads.size]).toEqual([null, null, 0]);
  });

  it('takes values of any name', () => {
    const book = new SeriesBook();
    book.append(event(0, { constructor: 1, __proto__x: 2 }));
    expect(book.last('constructor')).toBe(1);
  });
});
