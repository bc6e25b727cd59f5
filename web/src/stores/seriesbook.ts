/** The courses and last values of all metrics of a run, outside of reactivity. Upstream: metrics over HTTP and socket. Downstream: charts, panels. */
import { toNumber } from '../format';
import type { Column, Metrics, SupersededColumn } from '../wire/generated';
import { Recent } from './recent';
import { fromColumn, Series } from './series';

/** Names whose whole course is kept; of the others (thousands of expert loads) the last value, unless a course is wanted. */
export function isCharted(name: string): boolean {
  return !name.startsWith('moe/');
}

const isLoad = (name: string) => name.startsWith('moe/load/');
const isRate = (name: string) => name.endsWith('_per_second');

/** What is known of one name. */
interface Entry {
  value: number | null;
  seq: number;
  series: Series | null;
  recent: Recent | null;
}

export class SeriesBook {
  #entries = new Map<string, Entry>();
  /** What a later attempt went back behind, oldest attempt first: shown faded, never as the course itself. */
  #superseded = new Map<string, readonly Series[]>();
  #loads = new Map<string, number>();
  #loadsRevision = 0;
  #wanted = new Set<string>();

  get(name: string): Series | null {
    const series = this.#entries.get(name)?.series;
    return series?.length ? series : null;
  }

  superseded(name: string): readonly Series[] {
    return this.#superseded.get(name) ?? [];
  }

  last(name: string): number | null {
    return this.#entries.get(name)?.value ?? null;
  }

  /** The values of the last minutes, each of them; only of rates. */
  recent(name: string): Recent | null {
    return this.#entries.get(name)?.recent ?? null;
  }

  /** Every name that is known here or there, in order. */
  namesWith(others: readonly string[]): string[] {
    return [...new Set([...others, ...this.#entries.keys()])].sort();
  }

  /** The last share of every expert: `moe/load/<layer>/<expert>`. */
  get loads(): ReadonlyMap<string, number> {
    return this.#loads;
  }

  get loadsRevision(): number {
    return this.#loadsRevision;
  }

  clear(): void {
    this.#entries.clear();
    this.#superseded.clear();
    this.#loads.clear();
    this.#loadsRevision++;
  }

  /** Keep the whole course of this name from now on, whatever it is. */
  want(name: string): void {
    this.#wanted.add(name);
  }

  isWanted(name: string): boolean {
    return this.#wanted.has(name);
  }

  /** Columns of an HTTP answer that knows the events up to `upTo`; the points that came after it stay. */
  replace(columns: Record<string, Column>, upTo = -1): void {
    for (const [name, column] of Object.entries(columns)) {
      const series = fromColumn(column, upTo);
      const entry = this.#entryOf(name);
      if (series.last !== null && !(entry.seq > upTo)) this.#setLast(name, entry, series.last, upTo);
      if (!this.#isKept(name)) continue;
      if (entry.series) {
        const seqs = entry.series.column('seq');
        const newer = seqs.findIndex(seq => seq > upTo);
        if (newer >= 0) series.take(entry.series, newer);
      }
      entry.series = series;
      if (isRate(name)) entry.recent = Recent.of(series);
    }
  }

  replaceSuperseded(columns: Record<string, SupersededColumn[]>, names: readonly string[]): void {
    for (const name of names) {
      const courses = (columns[name] ?? []).map(one => fromColumn(one)).filter(series => series.length > 0);
      if (courses.length) this.#superseded.set(name, courses);
      else this.#superseded.delete(name);
    }
  }

  /** Every value of the last minutes, as of the event `upTo`; those that came after it stay. */
  replaceRecent(name: string, column: Column, upTo: number): void {
    const entry = this.#entryOf(name);
    const recent = new Recent();
    column.value.forEach((value, i) => {
      const number = toNumber(value);
      if (number !== null) recent.append(column.time[i]!, number);
    });
    const seqs = entry.series?.column('seq');
    const newer = seqs?.findIndex(seq => seq > upTo) ?? -1;
    if (entry.series && newer >= 0)
      for (let i = newer; i < entry.series.length; i++)
        recent.append(entry.series.times[i]!, entry.series.values[i]!);
    entry.recent = recent;
  }

  /** The last value of many names at once, as of the event `upTo`. */
  replaceLatest(values: Record<string, number | string>, upTo: number): void {
    for (const [name, value] of Object.entries(values)) {
      const number = toNumber(value);
      if (number === null) continue;
      const entry = this.#entryOf(name);
      if (!(entry.seq > upTo)) this.#setLast(name, entry, number, upTo);
    }
  }

  append(event: Metrics): void {
    const { seq, time, values } = event;
    const step = event.step ?? NaN;
    const epoch = event.epoch ?? NaN;
    const offset = event.log_offset ?? NaN;
    for (const name in values) {
      const number = toNumber(values[name]);
      if (number === null) continue;
      const entry = this.#entryOf(name);
      if (!(seq <= entry.seq)) this.#setLast(name, entry, number, seq);
      if (!this.#isKept(name)) continue;
      const series = (entry.series ??= new Series());
      if (seq <= series.upTo) continue;
      if (step < series.lastStep) this.#supersede(name, series, step);
      series.append(step, epoch, time, number, offset, seq);
      if (isRate(name)) (entry.recent ??= new Recent()).append(time, number);
    }
  }

  #isKept(name: string): boolean {
    return isCharted(name) || this.#wanted.has(name);
  }

  #entryOf(name: string): Entry {
    let entry = this.#entries.get(name);
    if (!entry) {
      entry = { value: null, seq: NaN, series: null, recent: null };
      this.#entries.set(name, entry);
    }
    return entry;
  }

  #setLast(name: string, entry: Entry, value: number, seq: number): void {
    entry.value = value;
    entry.seq = seq;
    if (!isLoad(name)) return;
    this.#loads.set(name, value);
    this.#loadsRevision++;
  }

  /** Steps fall only after a resume from an earlier checkpoint: what was drawn beyond it is no longer the course. */
  #supersede(name: string, series: Series, step: number): void {
    const tail = series.cut(step);
    if (tail.length) this.#superseded.set(name, [...this.superseded(name), tail]);
  }
}
