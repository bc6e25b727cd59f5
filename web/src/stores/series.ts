/** Bulk numbers in plain typed arrays, outside of reactivity. Upstream: metrics over HTTP and socket. Downstream: charts. */
import { toNumber } from '../format';
import type { Column, Metrics, SupersededColumn } from '../wire/generated';

/** Columns that grow by doubling. Unknown steps and epochs are NaN. */
export class Series {
  #size = 0;
  #room: number;
  #step: Float64Array;
  #epoch: Float64Array;
  #time: Float64Array;
  #value: Float64Array;

  constructor(room = 256) {
    this.#room = room;
    this.#step = new Float64Array(room);
    this.#epoch = new Float64Array(room);
    this.#time = new Float64Array(room);
    this.#value = new Float64Array(room);
  }

  get length(): number {
    return this.#size;
  }

  get steps(): Float64Array {
    return this.#step.subarray(0, this.#size);
  }

  get epochs(): Float64Array {
    return this.#epoch.subarray(0, this.#size);
  }

  get times(): Float64Array {
    return this.#time.subarray(0, this.#size);
  }

  get values(): Float64Array {
    return this.#value.subarray(0, this.#size);
  }

  get last(): number | null {
    return this.#size ? this.#value[this.#size - 1]! : null;
  }

  get lastTime(): number | null {
    return this.#size ? this.#time[this.#size - 1]! : null;
  }

  append(step: number, epoch: number, time: number, value: number): void {
    if (this.#size === this.#room) this.#grow();
    this.#step[this.#size] = step;
    this.#epoch[this.#size] = epoch;
    this.#time[this.#size] = time;
    this.#value[this.#size] = value;
    this.#size++;
  }

  /** Take away the points from `step` on, and return them as a course of their own. */
  cut(step: number): Series {
    const from = this.steps.findIndex(one => one >= step);
    const tail = new Series();
    if (from < 0) return tail;
    for (let i = from; i < this.#size; i++)
      tail.append(this.#step[i]!, this.#epoch[i]!, this.#time[i]!, this.#value[i]!);
    this.#size = from;
    return tail;
  }

  #grow(): void {
    this.#room *= 2;
    const wider = (old: Float64Array) => {
      const next = new Float64Array(this.#room);
      next.set(old);
      return next;
    };
    this.#step = wider(this.#step);
    this.#epoch = wider(this.#epoch);
    this.#time = wider(this.#time);
    this.#value = wider(this.#value);
  }
}

/** Names whose whole course is drawn; of the others (thousands of expert loads) only the last value is kept. */
export function isCharted(name: string): boolean {
  return !name.startsWith('moe/');
}

function fromColumn(column: Column | SupersededColumn): Series {
  const series = new Series(Math.max(256, column.value.length * 2));
  column.value.forEach((value, i) => {
    const number = toNumber(value);
    if (number === null) return;
    series.append(column.step[i] ?? NaN, column.epoch[i] ?? NaN, column.time[i]!, number);
  });
  return series;
}

export class SeriesBook {
  #charted = new Map<string, Series>();
  /** What a later attempt went back behind, oldest attempt first: shown faded, never as the course itself. */
  #superseded = new Map<string, Series[]>();
  #latest = new Map<string, number>();

  get(name: string): Series | null {
    return this.#charted.get(name) ?? null;
  }

  superseded(name: string): readonly Series[] {
    return this.#superseded.get(name) ?? [];
  }

  last(name: string): number | null {
    return this.#latest.get(name) ?? null;
  }

  get latest(): ReadonlyMap<string, number> {
    return this.#latest;
  }

  get size(): number {
    let size = 0;
    for (const series of this.#charted.values()) size = Math.max(size, series.length);
    return size;
  }

  clear(): void {
    this.#charted.clear();
    this.#superseded.clear();
    this.#latest.clear();
  }

  /** Columns of an HTTP answer take the place of what was known. */
  replace(columns: Record<string, Column>): void {
    for (const [name, column] of Object.entries(columns)) {
      const series = fromColumn(column);
      if (series.last !== null) this.#latest.set(name, series.last);
      if (isCharted(name)) this.#charted.set(name, series);
    }
  }

  replaceSuperseded(columns: Record<string, SupersededColumn[]>): void {
    for (const [name, attempts] of Object.entries(columns)) {
      const courses = attempts.map(fromColumn).filter(series => series.length > 0);
      if (courses.length) this.#superseded.set(name, courses);
      else this.#superseded.delete(name);
    }
  }

  append(event: Metrics): void {
    for (const [name, value] of Object.entries(event.values)) {
      const number = toNumber(value);
      if (number === null) continue;
      this.#latest.set(name, number);
      if (!isCharted(name)) continue;
      let series = this.#charted.get(name);
      if (!series) this.#charted.set(name, (series = new Series()));
      if (event.step != null && event.step < series.steps.at(-1)!) this.#supersede(name, series, event.step);
      series.append(event.step ?? NaN, event.epoch ?? NaN, event.time, number);
    }
  }

  /** Steps fall only after a resume from an earlier checkpoint: what was drawn beyond it is no longer the course. */
  #supersede(name: string, series: Series, step: number): void {
    const tail = series.cut(step);
    if (tail.length) this.#superseded.set(name, [...this.superseded(name), tail]);
  }
}
