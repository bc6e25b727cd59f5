/** Keys and values that may stand at a place of a configuration file. Upstream: the text before the cursor, the rules. Downstream: the editor's completion. */
import { ruleAt, type Rules } from './check';

export interface Offer {
  label: string;
  /** What is put in. */
  apply: string;
  detail: string;
  info: string;
}

export interface Offers {
  /** Offset where the word begins. */
  from: number;
  offers: Offer[];
}

const KEY = /^(\s*)([\w.-]*)$/;
const VALUE = /^(\s*)([\w.-]+):\s+(\S*)$/;
const SECTION = /^(\s*)([\w.-]+):\s*(#.*)?$/;
const ANY_KEY = /^(\s*)([\w.-]+):/;

/** What may be written at `position`; null where nothing is known. */
export function offersAt(text: string, position: number, rules: Rules): Offers | null {
  const begin = text.lastIndexOf('\n', position - 1) + 1;
  const before = text.slice(begin, position);
  const value = VALUE.exec(before);
  if (value) {
    const rule = ruleAt(rules, [...sectionsAbove(text, begin, value[1]!.length), value[2]!]);
    return rule ? { from: position - value[3]!.length, offers: values(rule) } : null;
  }
  const key = KEY.exec(before);
  if (!key) return null;
  const path = sectionsAbove(text, begin, key[1]!.length);
  const section = ruleAt(rules, path);
  if (!section?.properties) return null;
  const there = siblings(text, begin, key[1]!.length);
  const offers = Object.entries(section.properties)
    .filter(([name]) => !there.has(name))
    .map(([name, rule]) => ({
      label: name,
      apply: rule.properties ? `${name}:` : `${name}: `,
      detail: rule.default === undefined ? '' : String(rule.default),
      info: rule.description ?? '',
    }));
  return { from: position - key[2]!.length, offers };
}

function values(rule: Rules): Offer[] {
  const types = [rule.type ?? []].flat();
  const found: unknown[] = rule.enum ?? (types.includes('boolean') ? [true, false] : []);
  const all = found.length || rule.default === undefined ? found : [rule.default];
  return all.map(one => ({
    label: String(one),
    apply: String(one),
    detail: one === rule.default ? '·' : '',
    info: rule.description ?? '',
  }));
}

/** The sections that a line of this indentation lies in, outermost first. */
function sectionsAbove(text: string, begin: number, indent: number): string[] {
  const path: string[] = [];
  let within = indent;
  for (const line of text.slice(0, begin).split('\n').reverse()) {
    const found = SECTION.exec(line);
    if (found && found[1]!.length < within) {
      path.unshift(found[2]!);
      within = found[1]!.length;
    }
    if (within === 0) break;
  }
  return path;
}

/** The keys beside this line, above and below, in the same section. */
function siblings(text: string, begin: number, indent: number): Set<string> {
  const above = text.slice(0, begin).split('\n').slice(0, -1).reverse();
  const below = text.slice(begin).split('\n').slice(1);
  const found = new Set<string>();
  for (const lines of [above, below])
    for (const line of lines) {
      const key = ANY_KEY.exec(line);
      if (!key) continue;
      if (key[1]!.length < indent) break;
      if (key[1]!.length === indent) found.add(key[2]!);
    }
  return found;
}
