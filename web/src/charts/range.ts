/** The y axis of lines: wide enough to read, and honest about what it leaves outside. Upstream: drawn. Downstream: charts, pictures. */
import type { Drawn } from './drawn';

export interface Height {
  low: number;
  high: number;
  /** Values outside, and the furthest of them; null when all are inside. */
  above: Outside | null;
  below: Outside | null;
  /** Values that are no numbers. */
  strange: number;
}

export interface Outside {
  count: number;
  value: number;
}

/** The middle nine tenths of the values get at least this share of the height. */
const LEAST_SHARE = 1 / 8;
const SAMPLES = 600;

/** `all` shows every value; else a few far ones may stay outside, when they would press all others flat. */
export function heightOf(drawn: readonly Drawn[], shown: { from: number; to: number }, all: boolean): Height {
  const { low, high, strange, sample } = boundsOf(drawn, shown);
  if (low > high) return { low: 0, high: 1, above: null, below: null, strange };
  if (all || sample.length < 20) return { low, high, above: null, below: null, strange };
  sample.sort();
  const lower = sample[Math.floor(sample.length * 0.05)]!;
  const upper = sample[Math.ceil(sample.length * 0.95) - 1]!;
  const middle = upper - lower;
  if (!(middle > 0) || middle >= (high - low) * LEAST_SHARE)
    return { low, high, above: null, below: null, strange };
  const bottom = Math.max(low, lower - middle);
  const top = Math.min(high, upper + middle);
  return {
    low: bottom,
    high: top,
    above: outside(drawn, shown, value => value > top, high),
    below: outside(drawn, shown, value => value < bottom, low),
    strange,
  };
}

function boundsOf(drawn: readonly Drawn[], { from, to }: { from: number; to: number }) {
  let low = Infinity;
  let high = -Infinity;
  let strange = 0;
  const sample: number[] = [];
  for (const { xs, ys, trend } of drawn) {
    const every = Math.max(1, Math.floor(xs.length / SAMPLES));
    for (let i = 0; i < xs.length; i++) {
      if (xs[i]! < from || xs[i]! > to) continue;
      const y = ys[i]!;
      if (!Number.isFinite(y)) {
        if (!trend) strange++;
        continue;
      }
      if (y < low) low = y;
      if (y > high) high = y;
      if (i % every === 0) sample.push(y);
    }
  }
  return { low, high, strange, sample: Float64Array.from(sample) };
}

function outside(
  drawn: readonly Drawn[],
  { from, to }: { from: number; to: number },
  is: (value: number) => boolean,
  value: number,
): Outside | null {
  let count = 0;
  for (const { xs, ys, trend } of drawn) {
    if (trend) continue;
    for (let i = 0; i < xs.length; i++) if (xs[i]! >= from && xs[i]! <= to && is(ys[i]!)) count++;
  }
  return count ? { count, value } : null;
}

/** A little air around, so that no line runs along an edge; a flat line gets some height. */
export function airy(low: number, high: number, logarithmic: boolean): [number, number] {
  if (logarithmic) {
    const grow = Math.max(1.05, (high / low) ** 0.05);
    return [low / grow, high * grow];
  }
  const air = high > low ? (high - low) * 0.05 : Math.abs(high) * 0.1 || 1;
  return [low - air, high + air];
}
