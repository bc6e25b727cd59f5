// @vitest-environment jsdom
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { SeriesBook } from '../stores/series';
import type { Metrics } from '../wire/generated';

const event = (attempt: number, step: number, value: number, name = 'train/loss'): Metrics => ({
  type: 'metrics',
  seq: step,
  time: 100 * attempt + step,
  attempt,
  step,
  epoch: step / 2,
  values: { [name]: value },
});

describe('the loss table', () => {
  let lossData: typeof import('./loss').lossData;

  beforeAll(async () => {
    // uPlot asks for the screen's resolution when it is loaded.
    vi.stubGlobal('matchMedia', () => ({ addEventListener: () => {}, removeEventListener: () => {} }));
    ({ lossData } = await import('./loss'));
  });

  it('has the superseded course as a column of its own, and no point twice', () => {
    const book = new SeriesBook();
    for (let step = 0; step < 4; step++) book.append(event(1, step, 10 - step));
    for (let step = 2; step < 4; step++) book.append(event(2, step, 20 - step));
    const [x, train, , evals, old] = lossData(book, false, 0);
    expect(x).toEqual([0, 1, 2, 3]);
    expect(train).toEqual([10, 9, 18, 17]);
    expect(Array.from(evals!, value => value ?? null)).toEqual([null, null, null, null]);
    expect(old).toEqual([undefined, undefined, 8, 7]);
  });

  it('leaves a gap where a loss is not finite', () => {
    const book = new SeriesBook();
    [3, NaN, 2].forEach((value, step) => book.append(event(1, step, value)));
    const [x, train] = lossData(book, true, 0);
    expect(x).toEqual([0, 0.5, 1]);
    expect(train).toEqual([3, null, 2]);
  });
});
