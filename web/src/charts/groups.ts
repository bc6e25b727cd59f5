/** Metric names as people look for them. Upstream: the run. Downstream: the picker. */

/** At most so many lines in one chart can be told apart. */
export const MOST_LINES = 8;

export interface Group {
  /** `eval/*` */
  name: string;
  names: string[];
}

/** Names of one family (`eval/…`) that fit into one chart, the larger ones first. */
export function groupsOf(names: readonly string[]): Group[] {
  const families = new Map<string, string[]>();
  for (const name of names) {
    const at = name.lastIndexOf('/');
    if (at <= 0 || name.startsWith('moe/load/')) continue;
    const family = name.slice(0, at);
    families.set(family, [...(families.get(family) ?? []), name]);
  }
  return [...families]
    .filter(([, all]) => all.length > 1 && all.length <= MOST_LINES)
    .map(([family, all]) => ({ name: `${family}/*`, names: all }));
}

/** Every word of what is looked for, anywhere in the name, whatever its case. */
export function matching(names: readonly string[], wanted: string): string[] {
  const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
  return names.filter(name => words.every(word => name.toLowerCase().includes(word)));
}

/** What a chart is called: its metric, or what its metrics have in common. */
export function titleOf(names: readonly string[]): string {
  if (names.length === 1) return names[0]!;
  const parts = names.map(name => name.split('/'));
  const common: string[] = [];
  while (
    parts.every(one => one.length > common.length + 1 && one[common.length] === parts[0]![common.length])
  )
    common.push(parts[0]![common.length]!);
  if (!common.length) return names.join(', ');
  return `${common.join('/')}: ${parts.map(one => one.slice(common.length).join('/')).join(', ')}`;
}
