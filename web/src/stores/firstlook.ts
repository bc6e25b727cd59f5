/** What a console asks for first, asked while the code of its page is still on the way. Upstream: HTTP. Downstream: the run's store. */
import { get } from '../net/api';
import type { MetricNames, MetricsAnswer, RunRecord } from '../wire/generated';

/** The courses that the page opens with; the others come behind them. */
export const FIRST = [
  'train/loss',
  'eval/loss',
  'train/grad_norm',
  'train/learning_rate',
  'train/tokens_per_second',
  'train/samples_per_second',
] as const;
export const POINTS = 2000;
/** An answer that waited longer is asked for again. */
const FRESH_MS = 5000;

export interface FirstLook {
  record: Promise<RunRecord>;
  names: Promise<MetricNames>;
  /** A name that the run does not have has an empty column. */
  courses: Promise<MetricsAnswer>;
}

let ahead: { id: string; at: number; look: FirstLook } | null = null;

/** Ask all of it at once. The record first: what the socket tells from its cursors on is then in the courses, or comes. */
function ask(id: string, signal?: AbortSignal): FirstLook {
  const path = `runs/${encodeURIComponent(id)}`;
  const look = {
    record: get<RunRecord>(path, {}, signal),
    names: get<MetricNames>(`${path}/metrics/names`, {}, signal),
    courses: get<MetricsAnswer>(
      `${path}/metrics`,
      { name: [...FIRST], max_points: POINTS, superseded: true },
      signal,
    ),
  };
  // Whoever takes them hears of their errors; some may never be taken.
  for (const one of Object.values(look)) one.catch(() => {});
  return look;
}

/** Begin for the run whose page is about to open. */
export function lookAhead(id: string): void {
  ahead = { id, at: performance.now(), look: ask(id) };
}

/** What was begun for this run a moment ago, or begin now. */
export function firstLook(id: string, signal: AbortSignal): FirstLook {
  const begun = ahead;
  ahead = null;
  return begun?.id === id && performance.now() - begun.at < FRESH_MS ? begun.look : ask(id, signal);
}
