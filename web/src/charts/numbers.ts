/** The numbers behind a chart: as a table for people, as a CSV file. Upstream: lines. Downstream: figures, downloads. */
import { exact, UNKNOWN } from '../format';
import type { Series } from '../stores/series';
import { firstFrom } from '../stores/thin';
import type { Line } from './drawn';
import { placesOf, type By } from './places';

export type Cell = number | string | null;

export interface Numbers {
  columns: string[];
  rows: Cell[][];
}

/** Rows of `step, epoch, time`, then one column for each line; where a point stands for several, also their bounds. */
export function numbersOf(
  lines: readonly Line[],
  by: By,
  shown: { from: number; to: number } | null,
): Numbers {
  const parts = lines
    .map(line => ({ line, series: line.close?.length ? line.close : line.series }))
    .filter(({ series }) => series.length > 0)
    .map(({ line, series }) => ({ line, series, ...within(series, by, shown) }));
  const columns = ['step', 'epoch', 'time'];
  for (const { line, series } of parts) {
    const name = line.ghost ? `${line.name} (${line.label})` : line.name;
    columns.push(name, ...(series.thinned ? [`${name} min`, `${name} max`] : []));
  }
  const rows: Cell[][] = [];
  for (;;) {
    let time = Infinity;
    for (const { series, begin, end } of parts) if (begin < end) time = Math.min(time, series.times[begin]!);
    if (time === Infinity) break;
    const row: Cell[] = [null, null, time];
    for (const part of parts) {
      const here = part.begin < part.end && part.series.times[part.begin] === time;
      const point = here ? part.series.at(part.begin++) : null;
      if (point) {
        row[0] ??= numeric(point.step);
        row[1] ??= numeric(point.epoch);
      }
      row.push(point ? point.value : null);
      if (part.series.thinned) row.push(point ? point.low : null, point ? point.high : null);
    }
    rows.push(row);
  }
  return { columns, rows };
}

const numeric = (value: number): number | null => (Number.isNaN(value) ? null : value);

function within(series: Series, by: By, shown: { from: number; to: number } | null) {
  if (!shown) return { begin: 0, end: series.length };
  const places = placesOf(series, by);
  const begin = firstFrom(places, shown.from);
  let end = firstFrom(places, shown.to);
  while (end < places.length && places[end]! <= shown.to) end++;
  return { begin, end };
}

/** RFC 4180; every digit of each number, nothing for what is unknown. */
export function toCsv({ columns, rows }: Numbers): string {
  return [columns, ...rows].map(row => row.map(quoted).join(',')).join('\r\n') + '\r\n';
}

function quoted(cell: Cell): string {
  if (cell === null) return '';
  if (typeof cell === 'number') return String(cell);
  // A spreadsheet would run what looks like a formula; a quote in front makes it text.
  const safe = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** A cell as people read it. */
export function shownCell(cell: Cell): string {
  if (cell === null) return UNKNOWN;
  return typeof cell === 'number' ? exact(cell) : cell;
}
