/** Numbers, sizes and times as people read them. Unknown is an em dash, never 0. Upstream: the wire. Downstream: panels. */
import { i18n, t, type Key } from './i18n/index.svelte';

export const UNKNOWN = '—';

type Maybe<T> = T | null | undefined;
const NON_FINITE: Record<string, string> = { NaN: 'NaN', Infinity: '∞', '-Infinity': '−∞' };

const formats = new Map<string, Intl.NumberFormat>();
const dates = new Map<string, Intl.DateTimeFormat>();

function numberFormat(options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = i18n.locale + JSON.stringify(options);
  let format = formats.get(key);
  if (!format) formats.set(key, (format = new Intl.NumberFormat(i18n.locale, options)));
  return format;
}

function dateFormat(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = i18n.locale + JSON.stringify(options);
  let format = dates.get(key);
  if (!format) dates.set(key, (format = new Intl.DateTimeFormat(i18n.locale, options)));
  return format;
}

/** A number of the wire (where NaN and infinity are strings) as a JavaScript number; null when unknown. */
export function toNumber(value: Maybe<number | string>): number | null {
  if (value === null || value === undefined) return null;
  if (typeof value === 'number') return value;
  return value in NON_FINITE ? Number(value) : null;
}

function special(value: number): string {
  return NON_FINITE[String(value)] ?? UNKNOWN;
}

/** With exactly `digits` decimals. */
export function fixed(value: Maybe<number | string>, digits: number): string {
  const number = toNumber(value);
  if (number === null) return UNKNOWN;
  if (!Number.isFinite(number)) return special(number);
  return numberFormat({ minimumFractionDigits: digits, maximumFractionDigits: digits }).format(number);
}

export const loss = (value: Maybe<number | string>): string => fixed(value, 4);

/** With its sign, the real minus included. */
export function signed(value: Maybe<number>, digits = 4): string {
  if (value === null || value === undefined) return UNKNOWN;
  if (!Number.isFinite(value)) return special(value);
  return numberFormat({
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
    signDisplay: 'exceptZero',
  })
    .format(value)
    .replace('-', '−');
}

export function integer(value: Maybe<number>): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return UNKNOWN;
  return numberFormat({ maximumFractionDigits: 0 }).format(value);
}

/** Every digit of it, grouped as the locale does; very small and very large ones as 1e-5. */
export function exact(value: number): string {
  const size = Math.abs(value);
  if (!Number.isFinite(value)) return special(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e15)) return value.toExponential();
  return numberFormat({ maximumFractionDigits: 20 }).format(value);
}

/** Three significant digits, thousands as k and M: 812, 2.85k, 28.5k. */
export function compact(value: Maybe<number>): string {
  if (value === null || value === undefined) return UNKNOWN;
  if (!Number.isFinite(value)) return special(value);
  const size = Math.abs(value);
  const [scale, suffix] =
    size >= 1e9 ? [1e9, 'G'] : size >= 1e6 ? [1e6, 'M'] : size >= 1e3 ? [1e3, 'k'] : [1, ''];
  return numberFormat({ maximumSignificantDigits: 3 }).format(value / scale) + suffix;
}

/** Very small numbers as 1.2e-5, others with up to four significant digits. */
export function scientific(value: Maybe<number | string>): string {
  const number = toNumber(value);
  if (number === null) return UNKNOWN;
  if (!Number.isFinite(number)) return special(number);
  if (number !== 0 && Math.abs(number) < 1e-3) return number.toExponential(2).replace(/\.?0+e/, 'e');
  return numberFormat({ maximumSignificantDigits: 4 }).format(number);
}

/** `value` of 100 as a percentage. */
export function percent(value: Maybe<number>, digits = 1): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return UNKNOWN;
  return numberFormat({
    style: 'percent',
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(value / 100);
}

/** A share of 1 as a percentage. */
export const accuracy = (value: Maybe<number>): string =>
  percent(value === null || value === undefined ? null : value * 100);

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

/** Bytes in decimal units, three significant digits. */
export function bytes(value: Maybe<number>): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return UNKNOWN;
  const power = value < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(value) / 3));
  const number = numberFormat({ maximumSignificantDigits: 3 }).format(value / 1000 ** power);
  return `${number} ${t(`unit.${UNITS[power]!}` as Key)}`;
}

/** Seconds as the two largest units: 42 s, 3 min 12 s, 1 h 5 min, 2 d 4 h. */
export function duration(seconds: Maybe<number>): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return UNKNOWN;
  const whole = Math.max(0, Math.round(seconds));
  const parts: [Key, number][] = [
    ['time.d', Math.floor(whole / 86400)],
    ['time.h', Math.floor(whole / 3600) % 24],
    ['time.min', Math.floor(whole / 60) % 60],
    ['time.s', whole % 60],
  ];
  const first = parts.findIndex(([, n]) => n > 0);
  if (first < 0) return t('time.s', { n: 0 });
  return parts
    .slice(first, first + 2)
    .filter(([, n], index) => index === 0 || n > 0)
    .map(([key, n]) => t(key, { n }))
    .join(' ');
}

/** Seconds as a clock counts them up, for axes: 0:42, 3:12, 1:05:00, 2 d 4:00. */
export function spanOf(seconds: Maybe<number>): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return UNKNOWN;
  const size = Math.abs(seconds);
  if (size > 0 && size < 1) return t('time.s', { n: fixed(seconds, 2) });
  const whole = Math.round(size);
  const two = (value: number) => String(value).padStart(2, '0');
  const [days, hours, minutes] = [
    Math.floor(whole / 86400),
    Math.floor(whole / 3600) % 24,
    Math.floor(whole / 60) % 60,
  ];
  const clock =
    hours || days ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
  return (seconds < 0 ? '−' : '') + (days ? `${t('time.d', { n: days })} ${hours}:${two(minutes)}` : clock);
}

/** An estimate in one unit, two for hours: nobody knows the seconds of a span of minutes. */
export function about(seconds: Maybe<number>): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return UNKNOWN;
  if (seconds < 90) return duration(Math.max(0, seconds));
  if (seconds < 3600) return duration(Math.round(seconds / 60) * 60);
  return duration(seconds < 86400 ? Math.round(seconds / 300) * 300 : Math.round(seconds / 3600) * 3600);
}

/** How long ago `time` (Unix seconds) was; a moment of the future counts as now. */
export function ago(time: Maybe<number>, now: number): string {
  if (time === null || time === undefined || !Number.isFinite(time)) return UNKNOWN;
  const seconds = now - time;
  if (seconds < 1) return t('time.now');
  if (seconds < 60) return t('time.ago', { time: t('time.s', { n: Math.floor(seconds) }) });
  if (seconds < 3600) return t('time.ago', { time: t('time.min', { n: Math.floor(seconds / 60) }) });
  if (seconds < 86400) return t('time.ago', { time: t('time.h', { n: Math.floor(seconds / 3600) }) });
  return t('time.ago', { time: t('time.d', { n: Math.floor(seconds / 86400) }) });
}

/** The wall clock: the time alone today, with the weekday or date otherwise; the date alone of another year. */
export function clock(time: Maybe<number>, now: number): string {
  if (time === null || time === undefined || !Number.isFinite(time)) return UNKNOWN;
  const date = new Date(time * 1000);
  const today = new Date(now * 1000).toDateString() === date.toDateString();
  if (today) return dateFormat({ hour: '2-digit', minute: '2-digit' }).format(date);
  if (Math.abs(time - now) < 6 * 86400)
    return dateFormat({ weekday: 'short', hour: '2-digit', minute: '2-digit' }).format(date);
  // Of another year the hour matters to nobody, and the year does.
  if (date.getFullYear() !== new Date(now * 1000).getFullYear())
    return dateFormat({ dateStyle: 'medium' }).format(date);
  return dateFormat({ day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' }).format(date);
}

/** A moment on an axis of wall time whose marks are `step` seconds apart. */
export function wallMark(time: number, step: number): string {
  const date = new Date(time * 1000);
  if (step >= 86400) return dateFormat({ day: 'numeric', month: 'short' }).format(date);
  if (step >= 14400)
    return dateFormat({ day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' }).format(date);
  const seconds: Intl.DateTimeFormatOptions = step < 60 ? { second: '2-digit' } : {};
  return dateFormat({ hour: '2-digit', minute: '2-digit', ...seconds }).format(date);
}

/** A moment in full: date and time to the second. */
export function moment(time: Maybe<number>): string {
  if (time === null || time === undefined || !Number.isFinite(time)) return UNKNOWN;
  return dateFormat({ dateStyle: 'medium', timeStyle: 'medium' }).format(new Date(time * 1000));
}

/** The epoch that people see: floor + 1, at most the total. */
export function shownEpoch(epoch: Maybe<number>, total: Maybe<number>): number | null {
  if (epoch === null || epoch === undefined || !Number.isFinite(epoch)) return null;
  if (epoch === 0 && !total) return null; // "0 of 0" is how PULSE v1 says that it does not know
  const shown = Math.floor(epoch) + 1;
  return total && total > 0 ? Math.min(shown, Math.max(1, Math.ceil(total))) : shown;
}

/** Percent of the whole run; null where nobody knows how long it is. */
export function knownProgress(run: {
  progress: number;
  total_epochs: number | null;
  state: string;
}): number | null {
  return run.total_epochs || run.state === 'done' ? run.progress : null;
}

/** Percent of the current epoch that is done; 100 when the last one is complete. */
export function epochPercent(epoch: Maybe<number>, total: Maybe<number>): number | null {
  if (epoch === null || epoch === undefined || !Number.isFinite(epoch)) return null;
  if (epoch === 0 && !total) return null;
  if (total && epoch >= total) return 100;
  return (epoch - Math.floor(epoch)) * 100;
}
