import { describe, expect, it } from 'vitest';
import type { Samples } from '../wire/generated';
import { grid, standing } from './samples';
import { wordDiff } from './worddiff';

let seq = 0;
const at = (step: number, outputs: Record<string, string> | [string, string][], attempt = 1): Samples => ({
  type: 'samples',
  seq: seq++,
  time: step,
  attempt,
  step,
  rows: (Array.isArray(outputs) ? outputs : Object.entries(outputs)).map(([prompt, output]) => ({
    prompt,
    output,
    reference: null,
    score: null,
  })),
});
const text = (words: { text: string }[]) => words.map(word => word.text).join('');
const fresh = (words: { text: string; fresh: boolean }[]) =>
  words.filter(word => word.fresh).map(word => word.text.trim());

describe('the words of an answer', () => {
  it('marks only what the step before did not have', () => {
    const words = wordDiff('the cat sat on a mat', 'the black cat sat on the mat');
    expect(text(words)).toBe('the black cat sat on the mat');
    expect(fresh(words)).toEqual(['black', 'the']);
  });

  it('marks nothing in the first answer, and keeps every space of it', () => {
    const words = wordDiff(null, '  a\n  b ');
    expect(text(words)).toBe('  a\n  b ');
    expect(fresh(words)).toEqual([]);
  });

  it('does not keep anybody waiting for two long texts', () => {
    const long = Array.from({ length: 3000 }, (_, i) => `w${i}`).join(' ');
    expect(fresh(wordDiff(long, `${long} more`))).toEqual([]);
  });
});

describe('the grid of samples', () => {
  it('has prompts down and steps across, the newest first', () => {
    const rows = grid([at(10, { a: 'x', b: 'y' }), at(20, { a: 'x', b: 'z' })], []);
    expect(rows.map(row => row.prompt)).toEqual(['a', 'b']);
    expect(rows[0]!.cells.map(cell => cell?.same)).toEqual([true, false]);
    expect(rows[1]!.cells.map(cell => text(cell!.words))).toEqual(['z', 'y']);
  });

  it('puts pinned prompts first and keeps the order of the rest', () => {
    const rows = grid([at(10, { a: '1', b: '2', c: '3' })], ['c']);
    expect(rows.map(row => row.prompt)).toEqual(['c', 'a', 'b']);
  });

  it('tells prompts that come twice apart, and leaves a hole where one was not asked', () => {
    const rows = grid(
      [
        at(10, [['a', '1']]),
        at(20, [
          ['a', '2'],
          ['a', '3'],
        ]),
      ],
      [],
    );
    expect(rows.map(row => row.cells.map(cell => cell && text(cell.words)))).toEqual([
      ['2', '1'],
      ['3', null],
    ]);
  });
});

describe('what stands', () => {
  it('leaves out what an attempt that went back trained again', () => {
    const events = [at(10, {}), at(20, {}), at(30, {}), at(20, {}, 2)];
    expect(standing(events).map(event => [event.step, event.attempt])).toEqual([
      [10, 1],
      [20, 2],
    ]);
  });

  it('keeps the last word of a step that was asked twice', () => {
    const events = [at(10, { a: 'old' }), at(10, { a: 'new' })];
    expect(standing(events).map(event => event.rows[0]!.output)).toEqual(['new']);
  });
});
