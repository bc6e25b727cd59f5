/** Values of hyperparameters and configuration keys: as people type them, as they are shown. Upstream: people, the wire. Downstream: dialogs, panels. */
import { UNKNOWN } from '../format';

export type Value = unknown;

/** What a person typed: `true`, `null`, a number (a decimal comma is one too), else the text itself. Empty is undefined. */
export function parseValue(text: string): Value {
  const trimmed = text.trim();
  if (trimmed === '') return undefined;
  if (trimmed === 'true' || trimmed === 'false') return trimmed === 'true';
  if (trimmed === 'null') return null;
  const number = parseNumber(trimmed);
  if (number !== null) return number;
  if (/^[[{"]/.test(trimmed)) {
    try {
      return JSON.parse(trimmed) as Value;
    } catch {
      return trimmed;
    }
  }
  return trimmed;
}

/** A finite number as it may be typed, 1e-4 and 0,5 included; null when it is none, or could be two (1,000). */
export function parseNumber(text: string): number | null {
  if (/^[+-]?[1-9]\d{0,2},\d{3}$/.test(text.trim())) return null;
  const trimmed = text.trim().replace(/^([+-]?\d*),(\d+(?:e[+-]?\d+)?)$/i, '$1.$2');
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(trimmed)) return null;
  const number = Number(trimmed);
  return Number.isFinite(number) ? number : null;
}

/** As it is shown: every digit of it, for it is what will be set. What nobody knows is a dash. */
export function shownValue(value: Value): string {
  if (value === undefined) return UNKNOWN;
  if (value === null) return 'null';
  if (typeof value === 'number')
    return value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential() : String(value);
  if (typeof value === 'string') return value === '' ? '""' : value;
  return JSON.stringify(value);
}

/** As it is put into a field, so that `parseValue` gives it back. */
export function typedValue(value: Value): string {
  if (value === undefined) return '';
  if (typeof value === 'string') return value;
  return typeof value === 'number' ? String(value) : JSON.stringify(value);
}

/** Whether two values mean the same; the order of an object's keys does not matter. */
export function sameValue(a: Value, b: Value): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const left = a as Record<string, unknown>;
  const right = b as Record<string, unknown>;
  const keys = Object.keys(left);
  return (
    keys.length === Object.keys(right).length &&
    keys.every(key => Object.hasOwn(right, key) && sameValue(left[key], right[key]))
  );
}

/** A nested mapping as dotted keys: {train: {lr: 1}} is {'train.lr': 1}. */
export function flattened(mapping: Record<string, unknown>, prefix = ''): Record<string, unknown> {
  const flat: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(mapping)) {
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      Object.assign(flat, flattened(value as Record<string, unknown>, `${prefix}${key}.`));
    else flat[prefix + key] = value;
  }
  return flat;
}
