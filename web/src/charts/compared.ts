/** Courses of several runs on one axis: where their points lie, their numbers side by side, their picture. Upstream: series. Downstream: the compare page. */
import { compact, fixed, spanOf, wallMark } from '../format';
import type { CompareAxis } from '../stores/comparequery';
import type { Series } from '../stores/series';
import { firstFrom } from '../stores/thin';
import type { Line, Places } from './drawn';
import { FRAME, lineScene, timeTicks, WIDTH, type Foot, type LinePicture } from './linescene';
import { tickDigits } from './look';
import type { Cell, Numbers } from './numbers';
import type { Scene, Shape } from './scene';
import { niceStep, ticksOf, TIME_STEPS } from './ticks';

/** One run's course of a metric. */
export interface Course extends Line {
  runId: string;
  /** Unix seconds of the run's start; null where nobody knows it: then its first point counts. */
  start: number | null;
}

const since = new WeakMap<Series, { start: number; version: number; places: Float64Array }>();

/** Seconds since the start, made once for each point. */
function secondsOf(series: Series, start: number): Float64Array {
  const known = since.get(series);
  const same = known?.start === start && known.version === series.version;
  if (same && known.places.length === series.length) return known.places;
  const places = new Float64Array(series.length);
  const kept = same && known.places.length < series.length ? known.places : null;
  if (kept) places.set(kept);
  const { times } = series;
  for (let i = kept?.length ?? 0; i < places.length; i++) places[i] = times[i]! - start;
  since.set(series, { start, version: series.version, places });
  return places;
}

/** Null where a course has no such place: it is not drawn at one that means something else. */
export function placesOn(axis: CompareAxis): Places {
  return (line, series) => {
    if (axis === 'clock') return series.times;
    // A closer look begins later: the run's start is that of its whole course.
    if (axis === 'time') return secondsOf(series, (line as Course).start ?? line.series.times[0] ?? 0);
    const places = axis === 'epoch' ? series.epochs : series.steps;
    return places.length && !Number.isNaN(places[0]!) && !Number.isNaN(places[places.length - 1]!)
      ? places
      : null;
  };
}

/** How an axis is marked. `origin` of an axis of wall time: the zone's own midnight, so that marks stand at whole hours. */
export function footOf(axis: CompareAxis): Foot {
  if (axis === 'time') return { ticks: timeTicks, text: spanOf };
  if (axis === 'clock') {
    let step = 1;
    return {
      ticks: (low, high, most) => {
        const rough = (high - low) / most;
        step = TIME_STEPS.find(one => one >= rough) ?? niceStep(high - low, most);
        const zone = new Date(low * 1000).getTimezoneOffset() * -60;
        const ticks: number[] = [];
        for (let i = Math.ceil((low + zone) / step - 1e-9); i * step - zone <= high; i++)
          ticks.push(i * step - zone);
        return ticks;
      },
      text: tick => wallMark(tick, step),
    };
  }
  let step = 1;
  return {
    ticks: (low, high, most) => {
      const found = ticksOf(low, high, most);
      step = found.step;
      return found.ticks;
    },
    text: tick => (Math.abs(tick) >= 1e5 ? compact(tick) : fixed(tick, tickDigits(step))),
  };
}

const PLACE_NAMES = { step: 'step', epoch: 'epoch', time: 'seconds', clock: 'time' } as const;

/**
 * The courses side by side: a row for each place that at least one of them has a point at, nothing between its points.
 * Points that share a place within one course (logged twice) are rows of their own.
 */
export function numbersBeside(
  courses: readonly Course[],
  axis: CompareAxis,
  shown: { from: number; to: number } | null,
): Numbers {
  const places = placesOn(axis);
  const parts = courses.flatMap(course => {
    const series = course.close?.length ? course.close : course.series;
    const xs = series.length ? places(course, series) : null;
    if (!xs) return [];
    const end = shown ? firstAfter(xs, shown.to) : xs.length;
    return [{ course, series, xs, at: shown ? firstFrom(xs, shown.from) : 0, end }];
  });
  const columns: string[] = [PLACE_NAMES[axis]];
  for (const { course, series } of parts)
    columns.push(course.label, ...(series.thinned ? [`${course.label} min`, `${course.label} max`] : []));
  const rows: Cell[][] = [];
  for (;;) {
    let x = Infinity;
    for (const part of parts) if (part.at < part.end) x = Math.min(x, part.xs[part.at]!);
    if (x === Infinity) break;
    const row: Cell[] = [x];
    for (const part of parts) {
      const here = part.at < part.end && part.xs[part.at] === x;
      const point = here ? part.series.at(part.at++) : null;
      row.push(point ? point.value : null);
      if (part.series.thinned) row.push(point ? point.low : null, point ? point.high : null);
    }
    rows.push(row);
  }
  return { columns, rows };
}

function firstAfter(xs: Float64Array, x: number): number {
  let at = firstFrom(xs, x);
  while (at < xs.length && xs[at]! <= x) at++;
  return at;
}

const ROW = 20;

/** The chart as a picture, its legend beneath, in as many rows as it takes. */
export function comparedScene(
  picture: Omit<LinePicture, 'by' | 'places' | 'foot' | 'bare' | 'markers' | 'trend'>,
  axis: CompareAxis,
): Scene | null {
  const scene = lineScene({
    ...picture,
    by: 'step',
    places: placesOn(axis),
    foot: footOf(axis),
    bare: true,
    markers: [],
    trend: '',
  });
  if (!scene) return null;
  const shapes: Shape[] = [];
  let x = FRAME.left;
  let y = scene.height + 8;
  for (const { label, colour, dash } of picture.lines) {
    const width = 46 + label.length * 6.6;
    if (x > FRAME.left && x + width > WIDTH - 24) {
      x = FRAME.left;
      y += ROW;
    }
    shapes.push(
      {
        kind: 'stroke',
        pieces: [[x, y, x + 20, y]],
        colour,
        width: 2,
        ...(dash && { dash }),
      },
      { kind: 'text', x: x + 26, y: y + 4, text: label, colour: picture.look.text, size: 12 },
    );
    x += width;
  }
  return { ...scene, height: y + ROW, shapes: [...scene.shapes, ...shapes] };
}
