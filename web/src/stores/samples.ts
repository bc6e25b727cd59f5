/** Generated texts, prompt by prompt: the newest beside the one before. Upstream: `samples` events. */
import type { Samples } from '../wire/generated';

export interface Pair {
  prompt: string;
  now: string;
  /** What the same prompt gave at the step before; null when there was none. */
  before: string | null;
  reference: string | null;
  score: number | null;
}

/** The prompts of the newest event in their order; a prompt that comes twice is matched by its place among its like. */
export function pairs(events: readonly Samples[]): Pair[] {
  const newest = events.at(-1);
  const previous = events.at(-2);
  if (!newest) return [];
  const left = [...(previous?.rows ?? [])];
  return newest.rows.map(row => {
    const at = left.findIndex(one => one.prompt === row.prompt);
    const before = at < 0 ? null : left.splice(at, 1)[0]!.output;
    return {
      prompt: row.prompt,
      now: row.output,
      before,
      reference: row.reference ?? null,
      score: row.score ?? null,
    };
  });
}
