import { describe, expect, it } from 'vitest';
import { flattened, parseNumber, parseValue, sameValue, shownValue, typedValue } from './values';

describe('what a person types', () => {
  it('is a number where it looks like one', () => {
    expect(['1e-4', ' 3 ', '.5', '-2.', '0,001', '2,5e-3'].map(parseNumber)).toEqual([
      1e-4, 3, 0.5, -2, 0.001, 0.0025,
    ]);
    expect(['', 'abc', '1,000,000', '0x10', 'Infinity', '1e999', '1 2'].map(parseNumber)).toEqual(
      new Array(7).fill(null),
    );
  });

  it('is no number where a comma could be of decimals or of thousands', () => {
    expect(['1,000', '-25,000', '0,125', '1,5', '1,0000'].map(parseNumber)).toEqual([
      null,
      null,
      0.125,
      1.5,
      1,
    ]);
  });

  it('is a word, a truth, null or a list otherwise', () => {
    expect(['cosine', 'true', 'null', '[1, 2]', '[1, 2', ''].map(parseValue)).toEqual([
      'cosine',
      true,
      null,
      [1, 2],
      '[1, 2',
      undefined,
    ]);
  });

  it('comes back as it was shown in the field', () => {
    for (const value of [1e-5, 12, true, null, 'cosine', [1, 2], { a: 1 }])
      expect(parseValue(typedValue(value))).toEqual(value);
  });
});

describe('values', () => {
  it('are shown as they are, and the unknown as a dash', () => {
    expect([undefined, null, '', 16, 0.00012, false, [0.9, 0.999]].map(shownValue)).toEqual([
      '—',
      'null',
      '""',
      '16',
      '1.2e-4',
      'false',
      '[0.9,0.999]',
    ]);
  });

  it('are the same whatever the order of their keys', () => {
    expect(sameValue({ a: 1, b: [2] }, { b: [2], a: 1 })).toBe(true);
    expect(sameValue({ a: 1 }, { a: 1, b: undefined })).toBe(false);
    expect(sameValue([1], { 0: 1 })).toBe(false);
    expect(sameValue(1, '1')).toBe(false);
  });

  it('of a nested configuration have dotted names', () => {
    expect(flattened({ train: { rate: 1, betas: [1, 2] }, seed: 3 })).toEqual({
      'train.rate': 1,
      'train.betas': [1, 2],
      seed: 3,
    });
  });
});
