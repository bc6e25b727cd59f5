/** Alerts in words: the sentence of a code with its data, what was measured, where to look. Upstream: the wire. Downstream: toasts, list, charts, ringer. */
import type { BoundId } from './actions/keys';
import {
  bytes,
  compact,
  duration,
  exact,
  fixed,
  integer,
  percent,
  scientific,
  toNumber,
  UNKNOWN,
} from './format';
import { i18n, t, type Key } from './i18n/index.svelte';
import type { AlertRecord } from './wire/generated';

type Format = (value: number) => string;

const celsius: Format = value => `${integer(value)} °C`;
const share: Format = value => percent(value * 100, 1);
const ratio: Format = value => fixed(value, 2);
const rounded: Format = value => exact(Math.round(value * 10) / 10);

/** How the value and the threshold of a code are written; of others nothing is measured against a limit. */
const MEASURES: Record<string, Format> = {
  gpu_temperature: celsius,
  memory_pressure: share,
  gpu_memory: share,
  expert_imbalance: ratio,
  slow_throughput: compact,
  disk_nearly_full: share,
  console_log_large: bytes,
  stalled: duration,
};

/** How a number of a sentence is written, by its name; those not named here with every digit. */
const NUMBERS: Record<string, Format> = {
  celsius: integer,
  percent: rounded,
  imbalance: ratio,
  seconds: duration,
  current: compact,
  average: compact,
  bytes,
  step: integer,
  count: integer,
  experts: integer,
};

/** What asks for a person's attention; a notice only tells that something went as it should. */
export function isUrgent(alert: Pick<AlertRecord, 'level'>): boolean {
  return alert.level !== 'info';
}

/** Reports of earlier versions keep an alert's words alone. */
type Said = Pick<AlertRecord, 'code' | 'message'> & { data?: AlertRecord['data'] };

/** The alert in one sentence of the page's language; a code or a parameter that is not known here leaves the server's own words. */
export function sentence(alert: Said): string {
  const data = alert.data ?? {};
  const { kind } = data;
  const key = typeof kind === 'string' ? `alert.${alert.code}.${kind}` : `alert.${alert.code}`;
  if (!i18n.has(key)) return alert.message;
  const places = [...i18n.message(key).matchAll(/\{(\w+)\}/g)].map(found => found[1]!);
  if (places.some(name => !(name in data))) return alert.message;
  return t(key, Object.fromEntries(places.map(name => [name, words(name, data[name])])));
}

/** One parameter as people read it: a number by its name, a list, metrics with their names; not known is a dash. */
function words(name: string, value: unknown): string {
  if (value === null || value === undefined || value === '') return UNKNOWN;
  const number = name === 'reason' || name === 'name' ? null : numberOf(value);
  if (number !== null) return (NUMBERS[name] ?? exact)(number);
  if (name === 'unit' && i18n.has(`alert.unit.${String(value)}`))
    return t(`alert.unit.${String(value)}` as Key);
  if (Array.isArray(value)) return value.map(one => words('', one)).join(', ');
  if (typeof value === 'object')
    return Object.entries(value)
      .map(([metric, one]) => `${metric} ${scientific(one as number | string)}`)
      .join(', ');
  return String(value);
}

function numberOf(value: unknown): number | null {
  return typeof value === 'number' || typeof value === 'string' ? toNumber(value) : null;
}

/** `86 °C, limit 80 °C`; null where nothing was measured or there is no limit. */
export function measured(alert: AlertRecord): string | null {
  const format = MEASURES[alert.code];
  const [value, threshold] = [numberOf(alert.value), numberOf(alert.threshold)];
  if (!format || value === null || threshold === null) return null;
  return t('alerts.against', { value: format(value), threshold: format(threshold) });
}

export type Place = Extract<BoundId, `focus_${string}`> | 'log';

const PLACES: Record<string, Place> = {
  gpu_temperature: 'focus_memory',
  thermal_throttling: 'focus_throughput',
  gpu_lost: 'log',
  memory_pressure: 'focus_memory',
  gpu_memory: 'focus_memory',
  expert_imbalance: 'focus_experts',
  dead_experts: 'focus_experts',
  slow_throughput: 'focus_throughput',
  non_finite_loss: 'focus_loss',
  validation_completed: 'focus_loss',
  epoch_milestone: 'focus_loss',
};

/** Where on the run's page it can be looked into; most things are explained by the log. */
export function placeOf(alert: AlertRecord): Place {
  return PLACES[alert.code] ?? 'log';
}

export function placeWords(place: Place): string {
  return t(`alerts.place.${place}` satisfies Key);
}
