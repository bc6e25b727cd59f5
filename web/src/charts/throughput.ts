/** The health of throughput, defined once: against the average of a rolling window. */

export const WINDOW_SECONDS = 240;
export type Pace = 'good' | 'slow' | 'stalled';

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

/** Green from 80 % of the window's average, yellow from 50 %, red below. */
export function paceOf(value: number, average: number): Pace {
  if (value >= 0.8 * average) return 'good';
  return value >= 0.5 * average ? 'slow' : 'stalled';
}

/** Three expected log intervals (their median in the window), at least 10 s. */
export function patience(times: readonly number[]): number {
  const gaps = times.slice(1).map((time, index) => time - times[index]!);
  gaps.sort((a, b) => a - b);
  return Math.max(10, 3 * (gaps[Math.floor(gaps.length / 2)] ?? 0));
}

/** The points of the last four minutes before `now`; `live` tells whether values are still expected. */
export function rollingWindow(
  times: ArrayLike<number>,
  values: ArrayLike<number>,
  now: number,
  live: boolean,
): Window {
  const kept: [number, number][] = [];
  for (let i = times.length - 1; i >= 0 && times[i]! >= now - WINDOW_SECONDS; i--)
    if (Number.isFinite(values[i]!)) kept.push([times[i]!, values[i]!]);
  kept.reverse();
  const shown = kept.map(([, value]) => value);
  const average = shown.length ? shown.reduce((sum, value) => sum + value, 0) / shown.length : null;
  const last = times.length ? times[times.length - 1]! : null;
  const silence = last === null ? null : Math.max(0, now - last);
  const keptTimes = kept.map(([time]) => time);
  const paces = shown.map(value => paceOf(value, average!));
  const silent = live && silence !== null && silence > patience(keptTimes);
  return {
    times: keptTimes,
    values: shown,
    paces,
    current: values.length ? values[values.length - 1]! : null,
    average,
    peak: shown.length ? Math.max(...shown) : null,
    silence,
    pace: silent ? 'stalled' : (paces.at(-1) ?? null),
  };
}
