/** The trend line: an exponential moving average without start-up bias, as TensorBoard's smoothing does it, kept as the course grows. */
import type { Series } from '../stores/series';

/** The average of one course. Values that are no numbers stay gaps and leave the average as it was. */
export class Trend {
  #weight = NaN;
  #version = -1;
  #count = 0;
  #average = 0;
  #finite = 0;
  #values = new Float64Array(256);

  /** `weight` in 0..1 (0 changes nothing); gaps are NaN. */
  of(series: Series, weight: number): Float64Array {
    if (weight !== this.#weight || series.version !== this.#version || series.length < this.#count) {
      this.#weight = weight;
      this.#version = series.version;
      this.#count = this.#average = this.#finite = 0;
    }
    if (this.#values.length < series.length) {
      const wider = new Float64Array(Math.max(series.length, this.#values.length * 2));
      wider.set(this.#values);
      this.#values = wider;
    }
    const values = series.values;
    for (; this.#count < values.length; this.#count++)
      this.#values[this.#count] = this.#next(values[this.#count]!);
    return this.#values.subarray(0, this.#count);
  }

  #next(value: number): number {
    if (!Number.isFinite(value)) return NaN;
    const weight = this.#weight;
    this.#average = this.#average * weight + value * (1 - weight);
    this.#finite++;
    return weight === 0 ? value : this.#average / (1 - weight ** this.#finite);
  }
}

const trends = new WeakMap<Series, Trend>();

export function trendOf(series: Series, weight: number): Float64Array {
  let trend = trends.get(series);
  if (!trend) trends.set(series, (trend = new Trend()));
  return trend.of(series, weight);
}
