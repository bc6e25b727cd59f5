/** A record of a dataset as people read it: turns of a chat, parts of a task, a text, or its keys. Upstream: a preview. Downstream: the catalog. */
import { shownValue } from './values';

export interface Part {
  /** Who speaks or what it is, in the file's own word. */
  label: string;
  text: string;
}

/** Characters of a record that are shown at first. */
export const FOLDED = 700;

type Fields = Record<string, unknown>;

/** What a record says, in its order; every value becomes a text, whatever it is. */
export function partsOf(record: Fields): Part[] {
  const said = chat(record['messages'], 'role', 'content') ?? chat(record['conversations'], 'from', 'value');
  const lead = said ? [] : ['instruction', 'input', 'output'].filter(key => key in record);
  const rest = Object.keys(record).filter(
    key => !lead.includes(key) && !(said && (key === 'messages' || key === 'conversations')),
  );
  const system = rest.filter(key => key === 'system');
  const others = rest.filter(key => key !== 'system');
  const told = (key: string): Part => ({ label: key, text: textOf(record[key]) });
  return [...system.map(told), ...(said ?? lead.map(told)), ...others.map(told)].filter(
    one => one.text !== '' || lead.includes(one.label),
  );
}

/** As many of the parts as are shown while it is folded, the last one cut. */
export function folded(parts: readonly Part[]): { parts: Part[]; cut: boolean } {
  const shown: Part[] = [];
  let left = FOLDED;
  for (const part of parts) {
    if (left <= 0) return { parts: shown, cut: true };
    const whole = part.text.length <= left;
    shown.push(whole ? part : { ...part, text: `${[...part.text.slice(0, left)].join('')}…` });
    left -= part.text.length;
    if (!whole) return { parts: shown, cut: true };
  }
  return { parts: shown, cut: false };
}

function chat(turns: unknown, who: string, what: string): Part[] | null {
  if (!Array.isArray(turns)) return null;
  return turns.map(turn =>
    isFields(turn)
      ? { label: textOf(turn[who]), text: textOf(turn[what]) }
      : { label: '', text: textOf(turn) },
  );
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : value === undefined || value === null ? '' : shownValue(value);
}
