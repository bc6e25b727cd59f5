/** The charts that somebody added, in their order, kept in this browser for each profile, or run. Upstream: the picker. Downstream: panels. */
import { keep, keptFields } from '../kept';

export interface Chosen {
  id: string;
  names: string[];
  /** Over both columns. */
  wide: boolean;
  log: boolean;
  trend: boolean;
}

const STORED = 'gladius_charts';
/** More of them, and nobody would find one again. */
const MOST_KEYS = 60;

type Stored = Record<string, Chosen[]>;

export class ChosenCharts {
  #all = $state.raw<readonly Chosen[]>([]);

  /** `key`: what they are kept under, the profile or the run. */
  constructor(readonly key: string) {
    this.#all = read()[key] ?? [];
  }

  get all(): readonly Chosen[] {
    return this.#all;
  }

  add(names: string[]): Chosen {
    const id = `chart-${Date.now().toString(36)}-${this.#all.length}`;
    const chart = { id, names, wide: false, log: false, trend: false };
    this.#set([...this.#all, chart]);
    return chart;
  }

  change(id: string, change: Partial<Omit<Chosen, 'id'>>): void {
    this.#set(this.#all.map(one => (one.id === id ? { ...one, ...change } : one)));
  }

  remove(id: string): void {
    this.#set(this.#all.filter(one => one.id !== id));
  }

  /** Put it so many places further, or back. */
  move(id: string, by: number): void {
    const at = this.#all.findIndex(one => one.id === id);
    const to = Math.min(this.#all.length - 1, Math.max(0, at + by));
    if (at < 0 || at === to) return;
    const all = [...this.#all];
    all.splice(to, 0, ...all.splice(at, 1));
    this.#set(all);
  }

  /** Put it where the other one is. */
  moveTo(id: string, other: string): void {
    const from = this.#all.findIndex(one => one.id === id);
    const to = this.#all.findIndex(one => one.id === other);
    if (from >= 0 && to >= 0) this.move(id, to - from);
  }

  #set(all: readonly Chosen[]): void {
    this.#all = all;
    const others = Object.entries(read()).filter(([key]) => key !== this.key);
    const mine: [string, readonly Chosen[]][] = all.length ? [[this.key, all]] : [];
    const newest = [...others, ...mine].slice(-MOST_KEYS);
    keep(STORED, Object.fromEntries(newest));
  }
}

/** What was kept; what somebody else wrote there, or an older page, is left out. */
function read(): Stored {
  const lists = Object.entries(keptFields(STORED)).filter(([, all]) => Array.isArray(all));
  return Object.fromEntries(lists.map(([key, all]) => [key, (all as Chosen[]).filter(isChosen)]));
}

function isChosen(one: Chosen): boolean {
  return (
    typeof one?.id === 'string' &&
    Array.isArray(one.names) &&
    one.names.every(name => typeof name === 'string')
  );
}
