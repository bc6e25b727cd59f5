/** The table behind the loss chart. Upstream: the run's series. Downstream: uPlot. */
import uPlot from 'uplot';
import type { Series, SeriesBook } from '../stores/series';
import { ema } from './ema';

export const TRAIN = 'train/loss';
export const EVAL = 'eval/loss';

/** The x values of a course: epochs, else steps, else the order of the points. */
export function placesOf(series: Series, byEpoch: boolean): Float64Array {
  if (byEpoch) return series.epochs;
  const steps = series.steps;
  return steps.length && !Number.isNaN(steps[0]!) ? steps : Float64Array.from(steps, (_, i) => i);
}

const drawable = (value: number): number | null => (Number.isFinite(value) ? value : null);

/** Columns: x, training loss, its trend, evaluation loss, then one for each course that was superseded. Not finite is a gap. */
export function lossData(book: SeriesBook, byEpoch: boolean, smoothing: number): uPlot.AlignedData {
  const train = book.get(TRAIN);
  const evals = book.get(EVAL);
  const tables: uPlot.AlignedData[] = [];
  if (train?.length) {
    const values = Array.from(train.values, drawable);
    tables.push([Array.from(placesOf(train, byEpoch)), values, ema(values, smoothing)]);
  } else {
    tables.push([[], [], []]);
  }
  tables.push(
    evals?.length ? [Array.from(placesOf(evals, byEpoch)), Array.from(evals.values, drawable)] : [[], []],
  );
  for (const old of book.superseded(TRAIN))
    tables.push([Array.from(placesOf(old, byEpoch)), Array.from(old.values, drawable)]);
  return uPlot.join(tables) as uPlot.AlignedData;
}
