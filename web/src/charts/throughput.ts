/** The health of throughput, defined once: against the average of a rolling window. */

import { RECENT_SECONDS } from '../stores/recent';
import { firstFrom, pickExtremes } from '../stores/thin';

const WINDOW_SECONDS = RECENT_SECONDS;
export type Pace = 'good' | 'slow' | 'low' | 'stalled';

export interface Window {
  times: number[];
  values: number[];
  paces: Pace[];
  current: number | null;
  average: number | null;
  peak: number | null;
  /** Seconds since the last value; null when there was none. */
  silence: number | null;
  /** The pace of the last value, or `stalled` when nothing came for too long. */
  pace: Pace | null;
}

/** Green from 80 % of the window's average, yellow from 50 %, red below; what comes is never called stalled. */
export function paceOf(value: number, average: number): Pace {
  if (value >= 0.8 * average) return 'good';
  return value >= 0.5 * average ? 'slow' : 'low';
}

/** So many of the last intervals tell how long the next may take. */
const INTERVALS = 200;

/** Three expected log intervals (the median of the last ones), at least 10 s. */
export function patience(times: ArrayLike<number>): number {
  const gaps: number[] = [];
  for (let i = Math.max(1, times.length - INTERVALS); i < times.length; i++)
    gaps.push(times[i]! - times[i - 1]!);
  gaps.sort((a, b) => a - b);
  return Math.max(10, 3 * (gaps[Math.floor(gaps.length / 2)] ?? 0));
}

/** The last four minutes before `now`: counted over all values, in points for about `pixels`. `live`: values are still expected. */
export function rollingWindow(
  times: ArrayLike<number>,
  values: ArrayLike<number>,
  now: number,
  live: boolean,
  pixels = 600,
): Window {
  const begin = firstFrom(times, now - WINDOW_SECONDS);
  let sum = 0;
  let count = 0;
  let peak = -Infinity;
  for (let i = begin; i < times.length; i++) {
    const value = values[i]!;
    if (!Number.isFinite(value)) continue;
    sum += value;
    count++;
    if (value > peak) peak = value;
  }
  const average = count ? sum / count : null;
  const picks = [...pickExtremes(times, values, begin, times.length, pixels)].filter(i =>
    Number.isFinite(values[i]!),
  );
  const shown = picks.map(i => values[i]!);
  const last = times.length ? times[times.length - 1]! : null;
  const silence = last === null ? null : Math.max(0, now - last);
  const paces = shown.map(value => paceOf(value, average!));
  const silent = live && silence !== null && silence > patience(times);
  return {
    times: picks.map(i => times[i]!),
    values: shown,
    paces,
    current: values.length ? values[values.length - 1]! : null,
    average,
    peak: count ? peak : null,
    silence,
    pace: silent ? 'stalled' : (paces.at(-1) ?? null),
  };
}

/** At least so much of time is shown, however young the run is. */
const SHORTEST = 20;

/** Seconds that the axis shows: up to four minutes, and no more than there is: a young run is not pressed to the edge. */
export function spanShown(first: number | null, now: number): number {
  return Math.min(WINDOW_SECONDS, Math.max(SHORTEST, first === null ? 0 : now - first));
}
