/** What a flow was given and what its steps gave, in words. Upstream: a flow's run. Downstream: the flows' panels. */
import { bytes, fixed, integer, loss, toNumber } from './format';
import { i18n, t, type Key } from './i18n/index.svelte';

/** An argument or a result by its name as people read it; one of a flow of one's own stays as its author wrote it. */
export function nameOf(name: string): string {
  const key = `flows.name.${name}`;
  return i18n.has(key) ? t(key as Key) : name;
}

/** The same at the head of a field. */
export function labelOf(name: string): string {
  const known = nameOf(name);
  return known.charAt(0).toUpperCase() + known.slice(1).replaceAll('_', ' ');
}

const NUMBERS: Record<string, (value: number) => string> = {
  loss,
  eval_loss: loss,
  value: loss,
  free_gb: value => bytes(value * 1e9),
  bytes,
  gpus: integer,
  documents: integer,
  records: integer,
  epochs: value => fixed(value, value % 1 ? 2 : 0),
};

/** A result as people read it; the whole number stays in its title. */
export function valueOf(name: string, value: unknown): string {
  if (name === 'state' && i18n.has(`state.${String(value)}`)) return t(`state.${String(value)}` as Key);
  const number = typeof value === 'number' || typeof value === 'string' ? toNumber(value) : null;
  return number !== null && NUMBERS[name] ? NUMBERS[name](number) : String(value);
}
