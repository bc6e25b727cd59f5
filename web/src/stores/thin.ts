/** Fewer points that look the same: the lowest and the highest of each stretch stay. Upstream: series. Downstream: series, charts. */

/**
 * Indices, rising, of the points of `[begin, end)` to keep where `xs` (which never falls) is cut into `buckets` equal stretches:
 * of each the lowest, the highest and the first that is no number; and the two ends. All of them when there are few.
 */
export function pickExtremes(
  xs: ArrayLike<number>,
  values: ArrayLike<number>,
  begin: number,
  end: number,
  buckets: number,
): Int32Array {
  const count = end - begin;
  if (count <= 2 * buckets || !(xs[end - 1]! > xs[begin]!)) return everyIndex(begin, end);
  const kept = new Int32Array(3 * buckets + 2);
  let size = 0;
  const keep = (index: number) => {
    if (index >= 0 && (size === 0 || kept[size - 1]! < index)) kept[size++] = index;
  };
  const start = xs[begin]!;
  const scale = buckets / (xs[end - 1]! - start);
  let bucket = 0;
  let low = -1;
  let high = -1;
  let strange = -1;
  const flush = () => {
    const [a, b, c] = ordered(low, high, strange);
    keep(a);
    keep(b);
    keep(c);
    low = high = strange = -1;
  };
  keep(begin);
  for (let i = begin; i < end; i++) {
    const at = Math.min(buckets - 1, Math.floor((xs[i]! - start) * scale));
    // A place that is unknown, or goes back, stays in the stretch of the one before.
    if (at > bucket) {
      flush();
      bucket = at;
    }
    const value = values[i]!;
    if (!Number.isFinite(value)) {
      if (strange < 0) strange = i;
      continue;
    }
    if (low < 0 || value < values[low]!) low = i;
    if (high < 0 || value > values[high]!) high = i;
  }
  flush();
  keep(end - 1);
  return kept.slice(0, size);
}

function everyIndex(begin: number, end: number): Int32Array {
  const all = new Int32Array(Math.max(0, end - begin));
  for (let i = 0; i < all.length; i++) all[i] = begin + i;
  return all;
}

function ordered(a: number, b: number, c: number): [number, number, number] {
  if (a > b) [a, b] = [b, a];
  if (b > c) [b, c] = [c, b];
  if (a > b) [a, b] = [b, a];
  return [a, b, c];
}

/** The first index of the rising `xs` whose value is not less than `x`; their count when all are. */
export function firstFrom(xs: ArrayLike<number>, x: number): number {
  let low = 0;
  let high = xs.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (xs[middle]! < x) low = middle + 1;
    else high = middle;
  }
  return low;
}
