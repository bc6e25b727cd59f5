import { describe, expect, it } from 'vitest';
import { calmly } from './calm';

describe('a calm counter', () => {
  it('shows the first count at once, the next when its time has come, and in the end the newest', () => {
    let now = 0;
    const calm = calmly(200, () => now);
    expect(calm(0)).toBe(0);
    now = 50;
    expect(calm(1)).toBe(0);
    now = 199;
    expect(calm(2)).toBe(0);
    now = 201;
    expect(calm(3)).toBe(3);
    now = 1000;
    expect(calm(3)).toBe(3);
  });
});
