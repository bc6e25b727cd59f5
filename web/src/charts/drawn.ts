/** What of the courses is drawn: the shown part, in about as many points as there are pixels, on one shared axis. Upstream: series. Downstream: uPlot, pictures. */
import type { Series } from '../stores/series';
import { firstFrom, pickExtremes } from '../stores/thin';
import { placesOf, type By } from './places';
import { trendOf } from './trend';

/** A course as a chart shows it. */
export interface Line {
  /** Unique in its chart. */
  key: string;
  /** The metric's name. */
  name: string;
  label: string;
  colour: string;
  series: Series;
  /** A closer look at the shown part, where the server was asked for one. */
  close?: Series | null | undefined;
  /** 0 draws the values alone; else a trend over their fainter course. */
  smoothing: number;
  /** Few points, each a dot of its own. */
  dots?: boolean;
  dash?: readonly number[];
  /** What a later attempt went back behind. */
  ghost?: boolean;
  /** Its trend is drawn like itself, only stronger: of many courses dots would say nothing. */
  solid?: boolean;
  /** Of a ghost: which of those of its name it is, the oldest attempt's first. */
  nth?: number;
}

/** What later attempts went back behind: each course of a metric a faint line of its own. */
export function ghostsOf(name: string, label: string, colour: string, courses: readonly Series[]): Line[] {
  return courses.map((series, i) => ({
    key: `${name} ${i}`,
    name,
    label,
    colour,
    series,
    smoothing: 0,
    ghost: true,
    nth: i,
  }));
}

/** One stroke: a course, or its trend. */
export interface Drawn {
  line: Line;
  trend: boolean;
  /** Where its points come from. */
  series: Series;
  picks: Int32Array;
  xs: Float64Array;
  ys: Float64Array;
}

/** Where a course's points lie, for a chart that places them in its own way; null where it has no such place. */
export type Places = (line: Line, series: Series) => Float64Array | null;

export interface Part {
  by: By;
  /** Instead of what `by` says. */
  places?: Places | undefined;
  /** null: all of it. */
  shown: { from: number; to: number } | null;
  pixels: number;
}

const TREND_PIXELS = 5;

/** The strokes of `lines`, the trend of a line right after its course. */
export function drawnOf(lines: readonly Line[], part: Part): Drawn[] {
  return lines.flatMap(line => {
    const series = line.close?.length ? line.close : line.series;
    if (!series.length) return [];
    const places = part.places ? part.places(line, series) : placesOf(series, part.by);
    if (!places) return [];
    const begin = part.shown ? Math.max(0, firstFrom(places, part.shown.from) - 1) : 0;
    const end = part.shown ? Math.min(series.length, firstFrom(places, part.shown.to) + 1) : series.length;
    if (begin >= end) return [];
    const picks = pickExtremes(places, series.values, begin, end, Math.max(50, Math.round(part.pixels)));
    const xs = Float64Array.from(picks, index => places[index]!);
    const course = (values: Float64Array) => Float64Array.from(picks, index => values[index]!);
    const drawn: Drawn = { line, trend: false, series, picks, xs, ys: course(series.values) };
    if (!line.smoothing) return [drawn];
    const trend = trendOf(series, line.smoothing);
    // A trend is smooth by its nature: a few points draw it, and dots along a jagged path would cost the most of all.
    const few = pickExtremes(places, trend, begin, end, Math.max(50, Math.round(part.pixels / TREND_PIXELS)));
    const at = (values: Float64Array) => Float64Array.from(few, index => values[index]!);
    return [drawn, { line, trend: true, series, picks: few, xs: at(places), ys: at(trend) }];
  });
}

export type Columns = [number[], ...(number | null | undefined)[][]];

/** The strokes on one x axis. No number is a gap (null); a place where a stroke has no point is nothing (undefined). */
export function aligned(drawn: readonly Drawn[]): Columns {
  const xs: number[] = [];
  const columns: (number | null | undefined)[][] = drawn.map(() => []);
  const heads = drawn.map(() => 0);
  for (;;) {
    let x = Infinity;
    for (let k = 0; k < drawn.length; k++) {
      const head = drawn[k]!.xs[heads[k]!];
      if (head !== undefined && head < x) x = head;
    }
    if (x === Infinity) break;
    xs.push(x);
    for (let k = 0; k < drawn.length; k++) {
      const at = heads[k]!;
      if (drawn[k]!.xs[at] !== x) {
        columns[k]!.push(undefined);
        continue;
      }
      const y = drawn[k]!.ys[at]!;
      columns[k]!.push(Number.isFinite(y) ? y : null);
      heads[k]!++;
    }
  }
  return [xs, ...columns];
}

/** The whole x axis of some courses. */
export function wholeOf(
  lines: readonly Line[],
  by: By,
  placesFor?: Places,
): { from: number; to: number } | null {
  let from = Infinity;
  let to = -Infinity;
  for (const line of lines) {
    if (!line.series.length) continue;
    const places = placesFor ? placesFor(line, line.series) : placesOf(line.series, by);
    if (!places) continue;
    from = Math.min(from, places[0]!);
    to = Math.max(to, places[places.length - 1]!);
  }
  return from <= to ? { from, to } : null;
}

/** The index in `drawn` of the point nearest to `x`; -1 without any. */
export function nearest(drawn: Drawn, x: number): number {
  const { xs } = drawn;
  if (!xs.length) return -1;
  const after = Math.min(xs.length - 1, firstFrom(xs, x));
  return after > 0 && x - xs[after - 1]! <= xs[after]! - x ? after - 1 : after;
}
