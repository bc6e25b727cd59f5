import { describe, expect, it } from 'vitest';
import { Newest } from './newest';

describe('answers that overtake one another', () => {
  it('are taken unless a newer one was', () => {
    const answers = new Newest();
    const [first, second, third] = [answers.ask(), answers.ask(), answers.ask()];
    expect(second.isNews()).toBe(true);
    expect(first.isNews()).toBe(false);
    expect(third.isNews()).toBe(true);
  });

  it('are older than what was told since they were asked for, each of them', () => {
    const answers = new Newest();
    answers.hear('before');
    const [first, second] = [answers.ask(), answers.ask()];
    answers.hear('told');
    const third = answers.ask();
    expect([first, second, third].map(asked => asked.isOld('told'))).toEqual([true, true, false]);
    expect(first.isOld('before')).toBe(false);
    expect(first.isOld('never')).toBe(false);
  });
});
