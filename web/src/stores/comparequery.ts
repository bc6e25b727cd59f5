/** What shapes the comparison, as the address says it: a link shows another person the same. Upstream: the address. Downstream: the compare page. */
import type { RunSummary } from '../wire/generated';

export const COMPARE_AXES = ['step', 'epoch', 'time', 'clock'] as const;
/** `time`: seconds since each run's start; `clock`: the time of day. */
export type CompareAxis = (typeof COMPARE_AXES)[number];

/** So many runs at most: the server compares no more. */
export const MOST_RUNS = 20;
export const MOST_CHARTS = 12;
const MOST_SMOOTHING = 0.99;

export interface CompareLook {
  runs: readonly string[];
  /** Which stroke each run has; runs that come and go leave the others theirs. */
  slots: readonly number[];
  metrics: readonly string[];
  axis: CompareAxis;
  smoothing: number;
  log: boolean;
  hidden: readonly string[];
  /** Settings that are the same, too. */
  all: boolean;
}

/** What the address leaves open. */
export type CompareUsual = Pick<CompareLook, 'metrics' | 'axis' | 'smoothing' | 'log'>;

export const USUAL: CompareUsual = { metrics: [], axis: 'step', smoothing: 0, log: false };

export function readLook(search: string, usual: CompareUsual = USUAL): CompareLook {
  const query = new URLSearchParams(search);
  const list = (name: string) => (query.get(name) ?? '').split(',').filter(Boolean);
  const runs = [...new Set(list('runs'))];
  const metrics = [...new Set(query.getAll('metric').filter(Boolean))].slice(0, MOST_CHARTS);
  const smoothing = query.get('smooth');
  return {
    runs,
    slots: slotsFor(runs.length, list('slots').map(Number)),
    metrics: metrics.length ? metrics : usual.metrics,
    axis: COMPARE_AXES.find(one => one === query.get('axis')) ?? usual.axis,
    smoothing: smoothing === null ? usual.smoothing : weightOf(Number(smoothing), usual.smoothing),
    log: query.has('log') ? query.get('log') === '1' : usual.log,
    hidden: list('hide').filter(one => runs.includes(one)),
    all: query.get('all') === '1',
  };
}

/** The query of an address; what has a usual value that others may not share is said too. */
export function writeLook(look: CompareLook): string {
  const words = [`runs=${look.runs.map(encodeURIComponent).join(',')}`];
  if (look.slots.some((slot, i) => slot !== i)) words.push(`slots=${look.slots.join(',')}`);
  words.push(...look.metrics.map(name => `metric=${encodeURIComponent(name)}`));
  words.push(`axis=${look.axis}`, `smooth=${look.smoothing}`, `log=${look.log ? 1 : 0}`);
  if (look.hidden.length) words.push(`hide=${look.hidden.map(encodeURIComponent).join(',')}`);
  if (look.all) words.push('all=1');
  return `?${words.join('&')}`;
}

export function weightOf(value: number, otherwise: number): number {
  return value >= 0 && value <= MOST_SMOOTHING ? value : otherwise;
}

/** A slot for each run: those asked for where they are whole numbers and not taken, else the lowest free one. */
export function slotsFor(count: number, asked: readonly number[]): number[] {
  const taken = new Set<number>();
  const wanted = Array.from({ length: count }, (_, i) => {
    const slot = asked[i] ?? (asked.length ? NaN : i);
    if (!Number.isInteger(slot) || slot < 0 || slot >= MOST_RUNS || taken.has(slot)) return null;
    taken.add(slot);
    return slot;
  });
  let free = 0;
  return wanted.map(slot => {
    if (slot !== null) return slot;
    while (taken.has(free)) free++;
    taken.add(free);
    return free;
  });
}

/** The runs and their slots when the server has said which ids are meant; words that it could not find stay at the end. */
export function settled(
  look: Pick<CompareLook, 'runs' | 'slots' | 'hidden'>,
  ids: readonly string[],
  missing: readonly string[],
): Pick<CompareLook, 'runs' | 'slots' | 'hidden'> {
  const known = look.runs.filter(word => !missing.includes(word));
  const slotOf = (id: string, i: number) => {
    const at = look.runs.indexOf(known.length === ids.length ? known[i]! : id);
    return at < 0 ? NaN : look.slots[at]!;
  };
  const runs = [...ids, ...missing];
  return {
    runs,
    slots: slotsFor(runs.length, [...ids.map(slotOf), ...missing.map(() => NaN)]),
    hidden: look.hidden.map(word => ids[known.indexOf(word)] ?? word).filter(id => runs.includes(id)),
  };
}

/** So many earlier runs are enough to see whether this one is better; more can be added there. */
const EARLIER = 5;

/** The newest runs before this one of the same profile and dataset, oldest first, this one at the end. */
export function withEarlier(
  id: string,
  mine: Pick<RunSummary, 'created_at' | 'profile_id' | 'dataset_id'>,
  all: readonly RunSummary[],
): string[] {
  const before = all.filter(
    run =>
      run.run_id !== id &&
      run.created_at <= mine.created_at &&
      run.profile_id === mine.profile_id &&
      run.dataset_id === mine.dataset_id,
  );
  const newest = [...before].sort((a, b) => b.created_at - a.created_at).slice(0, EARLIER);
  return [...newest.reverse().map(run => run.run_id), id];
}
