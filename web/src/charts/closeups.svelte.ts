/** The true points of the part that is shown closely. Upstream: zoom. Downstream: line charts. */
import type { MetricsFeed } from '../stores/metricsfeed.svelte';
import { NO_CLOSE_UP, type Series } from '../stores/series';

interface Wish {
  names: readonly string[];
  /** Also what was gone back behind. */
  rewound: boolean;
  steps: { from: number; to: number };
  points: number;
}

/** So much more than the shown part is asked for on each side: panning a little needs no answer, and trends have a run-up. */
const MARGIN = 0.5;

export class CloseUps {
  #revision = $state(0);
  #found = NO_CLOSE_UP;
  #covers: { from: number; to: number; thinned: boolean; open: boolean; rewound: boolean } | null = null;
  #wish: Wish | null = null;
  #flying: AbortController | null = null;

  constructor(readonly metrics: MetricsFeed) {}

  /** Changes when finer points came, or went. */
  get revision(): number {
    return this.#revision;
  }

  /** A closer look at `series`, with what came after it was taken; null where there is none. */
  of(name: string, series: Series): Series | null {
    const close = this.#found.courses.get(name);
    if (!close) return null;
    if (this.#covers?.open) catchUp(close, series);
    return close;
  }

  /** A closer look at the `nth` of the courses of this name that were gone back behind. */
  ofGhost(name: string, nth: number): Series | null {
    const all = this.#found.superseded.get(name);
    // One that was cut off since the answer came is not among them; it is the last.
    return all?.[nth]?.length ? all[nth] : null;
  }

  /** Look at these steps; null looks at all of it. One question at a time: of those that come meanwhile, the last is asked. */
  look(names: readonly string[], steps: Wish['steps'] | null, points: number, rewound = false): void {
    if (!steps || !names.length) {
      this.#wish = null;
      if (this.#covers && !steps) this.#drop();
      return;
    }
    if (this.#isCovered(steps) && (!rewound || this.#covers?.rewound)) return;
    if (this.#covers && !overlaps(this.#covers, steps)) this.#drop();
    this.#wish = { names, steps, rewound, points: Math.min(8000, Math.max(1000, Math.round(points) * 4)) };
    if (!this.#flying) void this.#ask();
  }

  close(): void {
    this.#flying?.abort();
    this.#wish = null;
  }

  /** Whether what is there shows these steps in full, or at twice the detail at least that a new answer would have. */
  #isCovered(steps: Wish['steps']): boolean {
    const known = this.#covers;
    if (!known || steps.from < known.from || steps.to > known.to) return false;
    return (
      !known.thinned || (Math.min(known.to, this.#end()) - known.from) / (steps.to - steps.from || 1) <= 2.5
    );
  }

  #end(): number {
    return Math.max(...this.#all().map(series => (series.length ? series.lastStep : -Infinity)));
  }

  #all(): Series[] {
    return [...this.#found.courses.values(), ...[...this.#found.superseded.values()].flat()];
  }

  #drop(): void {
    this.#found = NO_CLOSE_UP;
    this.#covers = null;
    this.#revision++;
  }

  async #ask(): Promise<void> {
    while (this.#wish) {
      const { names, steps, points, rewound } = this.#wish;
      this.#wish = null;
      this.#flying = new AbortController();
      const margin = Math.ceil((steps.to - steps.from) * MARGIN);
      const wider = { from: Math.max(0, steps.from - margin), to: steps.to + margin };
      try {
        this.#found = await this.metrics.closeUp(names, wider, points, rewound, this.#flying.signal);
        const thinned = this.#all().some(series => series.thinned);
        const open = names.every(name => !((this.metrics.series.get(name)?.lastStep ?? 0) > wider.to));
        this.#covers = { from: wider.from, to: open ? Infinity : wider.to, thinned, open, rewound };
        this.#revision++;
      } catch {
        // What is loaded stays on the screen; the next look asks again.
      } finally {
        this.#flying = null;
      }
    }
  }
}

function overlaps(a: { from: number; to: number }, b: { from: number; to: number }): boolean {
  return a.from <= b.to && b.from <= a.to;
}

/** Append what came after the answer. */
export function catchUp(close: Series, series: Series): void {
  const seqs = series.column('seq');
  let from = seqs.length;
  while (from > 0 && seqs[from - 1]! > close.upTo) from--;
  if (from === seqs.length) return;
  const upTo = seqs[seqs.length - 1]!;
  close.take(series, from);
  close.upTo = upTo;
}
