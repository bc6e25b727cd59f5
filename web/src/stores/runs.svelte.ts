/** The runs of the overview and the history. Upstream: HTTP once, then the topic `runs`. */
import { get } from '../net/api';
import type { RunList, RunSummary, ServerMessage, SystemSample } from '../wire/generated';
import { frames } from './frames';
import { live } from './live.svelte';

const ENDED = new Set<RunSummary['state']>([
  'done',
  'error',
  'cancelled',
  'killed',
  'out_of_memory',
  'lost',
  'unknown',
]);

export function hasEnded(summary: Pick<RunSummary, 'state'>): boolean {
  return ENDED.has(summary.state);
}

export class RunsStore {
  #runs = $state.raw<RunSummary[]>([]);
  #loaded = $state(false);
  #problem = $state.raw<Error | null>(null);
  #more = $state.raw<string | null>(null);
  #system = $state.raw<{ runId: string; sample: SystemSample } | null>(null);
  readonly now = $derived(this.#runs.filter(run => !hasEnded(run)));
  readonly ended = $derived(
    this.#runs
      .filter(hasEnded)
      .sort((a, b) => (b.finished_at ?? b.created_at) - (a.finished_at ?? a.created_at)),
  );

  // Plain on purpose: `#runs` is what is shown, made from this at most once a frame.
  // eslint-disable-next-line svelte/prefer-svelte-reactivity
  #known = new Map<string, RunSummary>();
  #nextSystem: { runId: string; sample: SystemSample } | null = null;
  #unlisten: (() => void) | null = null;
  #abort = new AbortController();

  get all(): RunSummary[] {
    return this.#runs;
  }

  get loaded(): boolean {
    return this.#loaded;
  }

  get problem(): Error | null {
    return this.#problem;
  }

  get hasMore(): boolean {
    return this.#more !== null;
  }

  /** The newest machine sample of any live run. */
  get system(): { runId: string; sample: SystemSample } | null {
    return this.#system;
  }

  /** Listen first, then load: what changes meanwhile is newer than the answer. */
  async open(limit: number): Promise<void> {
    this.#problem = null;
    this.#unlisten?.();
    this.#unlisten = live.listen({ runs: ['*'], topics: ['runs', 'system'], cursors: () => ({}) }, message =>
      this.#take(message),
    );
    await this.#load({ limit });
  }

  async loadMore(limit: number): Promise<void> {
    if (this.#more) await this.#load({ limit, cursor: this.#more });
  }

  close(): void {
    this.#abort.abort();
    this.#unlisten?.();
    frames.cancel(this.#paint);
  }

  async #load(query: { limit: number; cursor?: string }): Promise<void> {
    try {
      const list = await get<RunList>('runs', query, this.#abort.signal);
      for (const run of list.runs) if (!this.#known.has(run.run_id)) this.#known.set(run.run_id, run);
      this.#more = list.cursor;
      this.#loaded = true;
      this.#paint();
    } catch (error) {
      if (!this.#abort.signal.aborted) this.#problem = error as Error;
    }
  }

  #take(message: ServerMessage): void {
    if (message.type === 'run') this.#known.set(message.run_id, message.summary);
    else if (message.type === 'system') this.#nextSystem = { runId: message.run_id, sample: message.sample };
    else if (message.type === 'hello') void this.#resync();
    else return;
    frames.request(this.#paint);
  }

  /** The topic `runs` has no cursor: after a reconnect the list is fetched again. */
  async #resync(): Promise<void> {
    if (!this.#loaded) return;
    try {
      const list = await get<RunList>('runs', { limit: 50 }, this.#abort.signal);
      for (const run of list.runs) this.#known.set(run.run_id, run);
      frames.request(this.#paint);
    } catch {
      // Lost again already; the next hello tries anew.
    }
  }

  #paint = (): void => {
    this.#runs = [...this.#known.values()].sort((a, b) => b.created_at - a.created_at);
    this.#system = this.#nextSystem;
  };
}
