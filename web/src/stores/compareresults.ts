/** The tables of a comparison as people read them: which cells stand out. Upstream: the comparison. Downstream: panels. */
import { UNKNOWN } from '../format';
import type { ComparedRun, ComparedSetting, Comparison } from '../wire/generated';

/** Which ends of a metric are told: of a loss the lowest is the best one; of others nobody knows, so both are. */
export function endsOf(answer: Comparison, name: string): ('lowest' | 'highest')[] {
  return answer.metrics.find(one => one.name === name)?.best === 'lowest'
    ? ['lowest']
    : ['lowest', 'highest'];
}

/** The runs whose lowest value of a loss is the lowest of all; none where there is nothing to compare. */
export function bestRuns(
  answer: Comparison,
  runs: readonly ComparedRun[],
  name: string,
): ReadonlySet<string> {
  if (endsOf(answer, name).length > 1) return new Set();
  const found = runs.flatMap(run => {
    const value = run.metrics[name]?.lowest?.value;
    return typeof value === 'number' ? [{ id: run.run_id, value }] : [];
  });
  if (found.length < 2) return new Set();
  const lowest = Math.min(...found.map(one => one.value));
  return new Set(found.filter(one => one.value === lowest).map(one => one.id));
}

/** A setting as it stands in a file; a text is told from a number that looks like it. */
export function shownSetting(value: unknown): string {
  if (value === undefined) return UNKNOWN;
  if (typeof value !== 'string') return JSON.stringify(value);
  return value === '' || value === UNKNOWN || looksOtherwise(value) ? JSON.stringify(value) : value;
}

const looksOtherwise = (text: string): boolean =>
  text === 'true' ||
  text === 'false' ||
  text === 'null' ||
  (text.trim() !== '' && !Number.isNaN(Number(text)));

/** The runs that have something else than most; all of them where no value is that of more runs than any other. */
export function oddRuns(setting: ComparedSetting, ids: readonly string[]): ReadonlySet<string> {
  if (!setting.differs) return new Set();
  const groups = new Map<string, string[]>();
  for (const id of ids) {
    const key = id in setting.values ? valueKey(setting.values[id]) : '';
    groups.set(key, [...(groups.get(key) ?? []), id]);
  }
  if (groups.size < 2) return new Set();
  const sizes = [...groups.values()].map(one => one.length).sort((a, b) => b - a);
  const most = sizes[0]! > sizes[1]! ? sizes[0] : Infinity;
  return new Set([...groups.values()].filter(one => one.length !== most).flat());
}

const valueKey = (value: unknown): string => `=${JSON.stringify(value)}`;
