/** One course of bulk numbers in plain typed arrays, outside of reactivity. Upstream: columns of an answer, events. Downstream: the book, charts. */
import { toNumber } from '../format';
import type { Column, SupersededColumn } from '../wire/generated';
import { pickExtremes } from './thin';

/** A course that grows past this is thinned to half of it; a closer look asks the server. */
export const MOST_POINTS = 8192;

const FIELDS = ['step', 'epoch', 'time', 'value', 'low', 'high', 'offset', 'seq'] as const;
type Field = (typeof FIELDS)[number];
/** One point; what is unknown is NaN. */
export type Point = Record<Field, number>;

/** Columns that grow by doubling, and stay bounded. Unknown steps, epochs and log offsets are NaN. */
export class Series {
  #size = 0;
  #room: number;
  #columns: Record<Field, Float64Array>;
  #version = 0;
  #thinned = false;
  #lowest = Infinity;
  /** The last event that the columns of an answer held: what the socket tells of it again is known. */
  upTo = -1;

  constructor(room = 256) {
    this.#room = room;
    this.#columns = Object.fromEntries(FIELDS.map(field => [field, new Float64Array(room)])) as Record<
      Field,
      Float64Array
    >;
  }

  get length(): number {
    return this.#size;
  }

  /** Changes when points that were there before are others now; growing leaves it as it is. */
  get version(): number {
    return this.#version;
  }

  /** Some points stand for several: the server has more. */
  get thinned(): boolean {
    return this.#thinned;
  }

  /** The lowest finite value there ever was. */
  get lowest(): number {
    return this.#lowest;
  }

  column(field: Field): Float64Array {
    return this.#columns[field].subarray(0, this.#size);
  }

  get steps(): Float64Array {
    return this.column('step');
  }

  get epochs(): Float64Array {
    return this.column('epoch');
  }

  get times(): Float64Array {
    return this.column('time');
  }

  get values(): Float64Array {
    return this.column('value');
  }

  at(index: number): Point {
    return Object.fromEntries(FIELDS.map(field => [field, this.#columns[field][index]!])) as Point;
  }

  get last(): number | null {
    return this.#size ? this.#columns.value[this.#size - 1]! : null;
  }

  get lastStep(): number {
    return this.#size ? this.#columns.step[this.#size - 1]! : NaN;
  }

  get lastTime(): number | null {
    return this.#size ? this.#columns.time[this.#size - 1]! : null;
  }

  append(
    step: number,
    epoch: number,
    time: number,
    value: number,
    offset = NaN,
    seq = NaN,
    low = value,
    high = value,
  ): void {
    if (this.#size === MOST_POINTS) this.#thin();
    if (this.#size === this.#room) this.#grow();
    const at = this.#size++;
    const columns = this.#columns;
    columns.step[at] = step;
    columns.epoch[at] = epoch;
    columns.time[at] = time;
    columns.value[at] = value;
    columns.low[at] = low;
    columns.high[at] = high;
    columns.offset[at] = offset;
    columns.seq[at] = seq;
    if (low !== high && low < high) this.#thinned = true;
    if (low < this.#lowest && Number.isFinite(low)) this.#lowest = low;
  }

  /** Append the points of another course from `index` on. */
  take(other: Series, index: number): void {
    const c = other.#columns;
    for (let i = index; i < other.#size; i++)
      this.append(
        c.step[i]!,
        c.epoch[i]!,
        c.time[i]!,
        c.value[i]!,
        c.offset[i]!,
        c.seq[i]!,
        c.low[i]!,
        c.high[i]!,
      );
  }

  /** Take away the points from `step` on, and return them as a course of their own. */
  cut(step: number): Series {
    const tail = new Series();
    const from = this.steps.findIndex(one => one >= step);
    if (from < 0) return tail;
    tail.take(this, from);
    this.#size = from;
    this.#version++;
    return tail;
  }

  /** Half as many points, evenly over the whole course; each then tells the bounds of what it stands for. */
  #thin(): void {
    const { step, value, low, high } = this.#columns;
    const rising = step[0]! < step[this.#size - 1]!;
    const places = rising ? step : Float64Array.from({ length: this.#size }, (_, i) => i);
    const kept = pickExtremes(places, value, 0, this.#size, MOST_POINTS / 4);
    kept.forEach((from, i) => {
      const to = kept[i + 1] ?? this.#size;
      for (let at = from + 1; at < to; at++) {
        if (low[at]! < low[from]!) low[from] = low[at]!;
        if (high[at]! > high[from]!) high[from] = high[at]!;
      }
    });
    for (const field of FIELDS) {
      const column = this.#columns[field];
      kept.forEach((from, i) => (column[i] = column[from]!));
    }
    this.#size = kept.length;
    this.#thinned = true;
    this.#version++;
  }

  #grow(): void {
    this.#room = Math.min(MOST_POINTS, this.#room * 2);
    for (const field of FIELDS) {
      const wider = new Float64Array(this.#room);
      wider.set(this.#columns[field]);
      this.#columns[field] = wider;
    }
  }
}

/** The highest value of a course and its epoch; null where there is none. */
export function highest(series: Series | null): { value: number; epoch: number | null } | null {
  if (!series) return null;
  let best: { value: number; epoch: number | null } | null = null;
  const { values, epochs } = series;
  for (let at = 0; at < values.length; at++) {
    const value = values[at]!;
    if (!Number.isFinite(value) || (best !== null && value <= best.value)) continue;
    best = { value, epoch: Number.isNaN(epochs[at]!) ? null : epochs[at]! };
  }
  return best;
}

export function fromColumn(column: Column | SupersededColumn, upTo = -1): Series {
  const series = new Series(Math.min(MOST_POINTS, Math.max(256, column.value.length * 2)));
  column.value.forEach((value, i) => {
    const number = toNumber(value);
    if (number === null) return;
    const low = toNumber(column.min?.[i]) ?? number;
    const high = toNumber(column.max?.[i]) ?? number;
    series.append(
      column.step?.[i] ?? NaN,
      column.epoch?.[i] ?? NaN,
      column.time[i]!,
      number,
      column.log_offset?.[i] ?? NaN,
      NaN,
      low,
      high,
    );
  });
  series.upTo = upTo;
  return series;
}

export const NO_SERIES: ReadonlyMap<string, Series> = new Map();
export const NO_CLOSE_UP: CloseUp = { courses: NO_SERIES, superseded: new Map() };

export function coursesOf(columns: Record<string, Column>, upTo: number): ReadonlyMap<string, Series> {
  return new Map(Object.entries(columns).map(([name, column]) => [name, fromColumn(column, upTo)]));
}

/** A part of some courses in more detail: what stands, and of each name what was gone back behind, oldest attempt first. */
export interface CloseUp {
  courses: ReadonlyMap<string, Series>;
  superseded: ReadonlyMap<string, readonly Series[]>;
}

export function rewoundOf(columns: Record<string, SupersededColumn[]>): CloseUp['superseded'] {
  return new Map(Object.entries(columns).map(([name, all]) => [name, all.map(one => fromColumn(one))]));
}
