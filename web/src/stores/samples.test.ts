import { describe, expect, it } from 'vitest';
import type { Samples } from '../wire/generated';
import { pairs } from './samples';

const event = (step: number, rows: [prompt: string, output: string][]): Samples => ({
  type: 'samples',
  seq: step,
  time: step,
  attempt: 1,
  step,
  rows: rows.map(([prompt, output]) => ({ prompt, output })),
});

describe('samples', () => {
  it('stand beside what the same prompt gave before, in the order of the newest', () => {
    const found = pairs([
      event(1, [
        ['a', 'a1'],
        ['b', 'b1'],
      ]),
      event(2, [
        ['b', 'b2'],
        ['c', 'c2'],
      ]),
    ]);
    expect(found.map(one => [one.prompt, one.now, one.before])).toEqual([
      ['b', 'b2', 'b1'],
      ['c', 'c2', null],
    ]);
  });

  it('with the same prompt twice are matched one by one', () => {
    const twice = (n: number) =>
      event(n, [
        ['a', `first ${n}`],
        ['a', `second ${n}`],
      ]);
    expect(pairs([twice(1), twice(2)]).map(one => one.before)).toEqual(['first 1', 'second 1']);
  });

  it('are none before the first event', () => {
    expect(pairs([])).toEqual([]);
    expect(pairs([event(1, [['a', 'x']])])[0]).toMatchObject({ now: 'x', before: null });
  });
});
