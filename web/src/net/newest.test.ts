import { describe, expect, it } from 'vitest';
import { Newest } from './newest';

describe('answers that overtake one another', () => {
  it('are taken unless a newer one was', () => {
    const answers = new Newest();
    const [first, second, third] = [answers.ask(), answers.ask(), answers.ask()];
    expect(second()).toBe(true);
    expect(first()).toBe(false);
    expect(third()).toBe(true);
  });
});
