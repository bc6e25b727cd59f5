/** Where points lie on an x axis: by epoch, step, or time since the run's first point. Upstream: series. Downstream: charts. */
import type { Series } from '../stores/series';
import { firstFrom } from '../stores/thin';

export const AXES = ['epoch', 'step', 'time'] as const;
export type By = (typeof AXES)[number];

/** The x values of a course, rising: what is asked for, else steps, else the order of the points. */
export function placesOf(series: Series, by: By): Float64Array {
  if (by === 'time') return series.times;
  if (by === 'epoch' && known(series.epochs)) return series.epochs;
  return known(series.steps) ? series.steps : Float64Array.from({ length: series.length }, (_, i) => i);
}

/** Known at both ends is known: an axis that a few points lack is still the axis. */
function known(places: Float64Array): boolean {
  return places.length > 0 && !Number.isNaN(places[0]!) && !Number.isNaN(places[places.length - 1]!);
}

/** The ways in which a course can be shown. */
export function axesOf(series: Series | null): By[] {
  if (!series?.length) return ['step'];
  return AXES.filter(by =>
    by === 'epoch' ? known(series.epochs) : by === 'step' ? known(series.steps) : true,
  );
}

/** The steps that lie around a part of the x axis, one point more on each side; null where nobody counts steps. */
export function stepsWithin(
  series: Series,
  by: By,
  from: number,
  to: number,
): { from: number; to: number } | null {
  const steps = series.steps;
  if (!known(steps)) return null;
  const places = placesOf(series, by);
  if (places[0]! > to || places[places.length - 1]! < from) return null;
  const begin = Math.max(0, firstFrom(places, from) - 1);
  const end = Math.min(series.length - 1, firstFrom(places, to));
  return { from: Math.max(0, Math.floor(steps[begin]!)), to: Math.ceil(steps[end]!) };
}
