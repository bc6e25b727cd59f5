/** Which words of a text are new against the one before: the longest common run of words stays, the rest is new. Upstream: samples. Downstream: the samples panel. */

export interface Word {
  text: string;
  fresh: boolean;
}

/** Beyond this many pairs of words nobody waits for the comparison, and nothing is marked. */
const MOST_PAIRS = 250_000;

export function wordDiff(before: string | null, now: string): Word[] {
  const words = now.match(/\S+\s*|^\s+/g) ?? [];
  if (before === null) return words.map(text => ({ text, fresh: false }));
  const old = before.match(/\S+/g) ?? [];
  if (old.length * words.length > MOST_PAIRS) return words.map(text => ({ text, fresh: false }));
  const kept = common(
    old,
    words.map(word => word.trim()),
  );
  return joined(words.map((text, at) => ({ text, fresh: !kept.has(at) })));
}

/** Neighbours of one kind as one run; the space behind a fresh run is not part of it. */
function joined(words: readonly Word[]): Word[] {
  const runs: Word[] = [];
  for (const word of words) {
    const last = runs.at(-1);
    if (last?.fresh === word.fresh) {
      last.text += word.text;
      continue;
    }
    const space = last?.fresh ? (/\s+$/.exec(last.text)?.[0] ?? '') : '';
    if (last && space) last.text = last.text.slice(0, -space.length);
    runs.push({ text: space + word.text, fresh: word.fresh });
  }
  return runs;
}

/** The places in `b` of a longest common subsequence with `a`. */
function common(a: readonly string[], b: readonly string[]): Set<number> {
  const width = b.length + 1;
  const lengths = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      lengths[i * width + j] =
        a[i] === b[j]
          ? lengths[(i + 1) * width + j + 1]! + 1
          : Math.max(lengths[(i + 1) * width + j]!, lengths[i * width + j + 1]!);
  const kept = new Set<number>();
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) {
      kept.add(j);
      i++;
      j++;
    } else if (lengths[(i + 1) * width + j]! >= lengths[i * width + j + 1]!) i++;
    else j++;
  }
  return kept;
}
