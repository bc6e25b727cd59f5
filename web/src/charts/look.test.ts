import { describe, expect, it } from 'vitest';
import { tickDigits } from './look';

describe('ticks', () => {
  it('have the decimals that tell them apart', () => {
    expect([5, 1, 0.5, 0.25, 0.05, 1e-5].map(tickDigits)).toEqual([0, 0, 1, 2, 2, 5]);
    expect(tickDigits(0)).toBe(0);
  });
});
