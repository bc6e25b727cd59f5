import { describe, expect, it } from 'vitest';
import { SeriesBook } from './seriesbook';
import { validationOf } from './validation';

const book = (...points: [name: string, step: number, time: number, value: number][]): SeriesBook => {
  const made = new SeriesBook();
  points.forEach(([name, step, time, value], seq) =>
    made.append({
      type: 'metrics',
      seq,
      time,
      attempt: 1,
      step,
      epoch: null,
      log_offset: null,
      values: { [name]: value },
    }),
  );
  return made;
};

describe('the result of a validation', () => {
  it('is what came after it was asked for, beside the best before', () => {
    const found = validationOf(
      book(
        ['eval/loss', 10, 100, 2],
        ['eval/loss', 20, 200, 1.5],
        ['eval/loss', 30, 300, 1.25],
        ['eval/accuracy', 30, 300, 0.5],
        ['eval/loss', 40, 400, 1],
      ),
      'eval',
      299,
      30,
    );
    expect(found).toMatchObject({ loss: 1.25, accuracy: 0.5, best: { value: 1.5, step: 20 } });
  });

  it('has a perplexity only where the loss is one over tokens', () => {
    const points = ['eval/loss', 30, 300, 2] as const;
    expect(validationOf(book([...points]), 'eval', 299, 30)!.perplexity).toBeNull();
    const tokens = book(['train/tokens_per_second', 29, 290, 100], [...points]);
    expect(validationOf(tokens, 'eval', 299, 30)!.perplexity).toBeCloseTo(Math.E ** 2);
  });

  it('is unknown until a number has come, and has no best when it is the first', () => {
    expect(validationOf(book(['eval/loss', 10, 100, 2]), 'eval', 200, 20)).toBeNull();
    expect(validationOf(book(['test/loss', 10, 100, 2]), 'test', 99, 10)!.best).toBeNull();
  });
});
