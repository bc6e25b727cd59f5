/** How a person looks at a comparison: kept in the address, so that a link shows the same, and its usual choices in this browser. Upstream: the address. Downstream: the compare page. */
import { keep, keptFields } from '../kept';
import {
  COMPARE_AXES,
  MOST_CHARTS,
  readLook,
  settled,
  slotsFor,
  USUAL,
  weightOf,
  writeLook,
  type CompareLook,
  type CompareUsual,
} from './comparequery';

const STORED = 'gladius_compare';
/** What is shown of runs of which nobody has chosen anything yet. */
const FIRST = ['eval/loss', 'train/loss'];

export class CompareView {
  #look = $state.raw<CompareLook>(readLook(''));
  /** Under the pointer, in a legend or a chart. */
  #highlighted = $state<string | null>(null);
  #written = '';

  constructor() {
    this.read();
  }

  get look(): CompareLook {
    return this.#look;
  }

  get highlighted(): string | null {
    return this.#highlighted;
  }

  highlight(id: string | null): void {
    this.#highlighted = id;
  }

  /** Take what the address says, unless this view wrote it there. */
  read(): void {
    if (location.search === this.#written) return;
    this.#written = location.search;
    this.#look = readLook(location.search, usual());
  }

  change(change: Partial<CompareLook>): void {
    this.#set({ ...this.#look, ...change });
    const { metrics, axis, smoothing, log } = this.#look;
    keep(STORED, { metrics, axis, smoothing, log });
  }

  slotOf(id: string): number {
    return this.#look.slots[this.#look.runs.indexOf(id)] ?? 0;
  }

  isHidden(id: string): boolean {
    return this.#look.hidden.includes(id);
  }

  toggle(id: string): void {
    const { hidden } = this.#look;
    this.change({ hidden: hidden.includes(id) ? hidden.filter(one => one !== id) : [...hidden, id] });
  }

  /** Add runs; each takes the lowest stroke that is free. */
  add(ids: readonly string[]): void {
    const before = this.#look.runs;
    const runs = [...before, ...ids.filter((id, i) => !before.includes(id) && ids.indexOf(id) === i)];
    const slots = slotsFor(
      runs.length,
      runs.map((_, i) => this.#look.slots[i] ?? NaN),
    );
    this.#set({ ...this.#look, runs, slots });
  }

  remove(ids: readonly string[]): void {
    const kept = this.#look.runs.flatMap((id, i) => (ids.includes(id) ? [] : [i]));
    this.#set({
      ...this.#look,
      runs: kept.map(i => this.#look.runs[i]!),
      slots: kept.map(i => this.#look.slots[i]!),
      hidden: this.#look.hidden.filter(id => !ids.includes(id)),
    });
  }

  /** What the server made of the words: ids, and what it could not find. */
  settle(ids: readonly string[], missing: readonly string[], names: readonly string[]): void {
    const { metrics } = this.#look;
    const shown = metrics.some(name => names.includes(name)) || !names.length ? metrics : firstOf(names);
    this.#set({ ...this.#look, ...settled(this.#look, ids, missing), metrics: shown });
  }

  #set(look: CompareLook): void {
    this.#look = look;
    const written = writeLook(look);
    if (written === location.search) return;
    history.replaceState(history.state, '', location.pathname + written);
    // As the browser writes it.
    this.#written = location.search;
  }
}

/** The losses, or else what most runs have; names come with the most common first. */
function firstOf(names: readonly string[]): string[] {
  const losses = FIRST.filter(name => names.includes(name));
  return losses.length ? losses : names.slice(0, 2);
}

function usual(): CompareUsual {
  const { metrics, axis, smoothing, log } = keptFields(STORED);
  return {
    metrics: Array.isArray(metrics)
      ? metrics.filter(name => typeof name === 'string').slice(0, MOST_CHARTS)
      : USUAL.metrics,
    axis: COMPARE_AXES.find(one => one === axis) ?? USUAL.axis,
    smoothing: typeof smoothing === 'number' ? weightOf(smoothing, USUAL.smoothing) : USUAL.smoothing,
    log: log === true,
  };
}
