/** Generated texts, prompt by prompt and step by step. Upstream: `samples` events. Downstream: the samples panel. */
import type { SampleRow, Samples } from '../wire/generated';
import { wordDiff, type Word } from './worddiff';

export interface Cell {
  /** The answer in words, each marked whether the step before had it there. */
  words: Word[];
  /** Whether there is a step before to compare with, and the answer is the same. */
  same: boolean;
  score: number | null;
}

export interface PromptRow {
  key: string;
  prompt: string;
  reference: string | null;
  /** One for each step, the newest first; null where this prompt was not asked. */
  cells: (Cell | null)[];
}

/** What is still true: an attempt that went back leaves out what earlier ones had from there on; of one step the last word. */
export function standing(events: readonly Samples[]): Samples[] {
  const kept: Samples[] = [];
  for (const event of [...events].sort((a, b) => a.seq - b.seq)) {
    while (kept.length && kept.at(-1)!.step >= event.step) kept.pop();
    kept.push(event);
  }
  return kept;
}

/** Prompts down in the newest event's order, the pinned ones first; steps across, the newest first. */
export function grid(events: readonly Samples[], pinned: readonly string[]): PromptRow[] {
  const newestFirst = [...events].reverse();
  const answers = newestFirst.map(event => byKey(event.rows));
  const keys = [...new Set(answers.flatMap(one => [...one.keys()]))];
  const rows = keys.map((key): PromptRow => {
    const asked = answers.find(one => one.has(key))!.get(key)!;
    return {
      key,
      prompt: asked.prompt,
      reference: asked.reference ?? null,
      cells: answers.map((one, at) => cell(one.get(key), answers[at + 1]?.get(key))),
    };
  });
  const isPinned = (row: PromptRow): number => Number(pinned.includes(row.prompt));
  return rows.sort((a, b) => isPinned(b) - isPinned(a));
}

function cell(row: SampleRow | undefined, before: SampleRow | undefined): Cell | null {
  if (!row) return null;
  return {
    words: wordDiff(before?.output ?? null, row.output),
    same: before?.output === row.output,
    score: row.score ?? null,
  };
}

/** A prompt that comes twice is told apart by its place among its like. */
function byKey(rows: readonly SampleRow[]): Map<string, SampleRow> {
  const found = new Map<string, SampleRow>();
  for (const row of rows) {
    let nth = 0;
    while (found.has(`${nth}:${row.prompt}`)) nth++;
    found.set(`${nth}:${row.prompt}`, row);
  }
  return found;
}
