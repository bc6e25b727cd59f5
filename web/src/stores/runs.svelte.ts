/** What the overview shows: runs, what happened, the machine. Upstream: HTTP once, then their topics. Downstream: the overview. */
import { get } from '../net/api';
import { Newest } from '../net/newest';
import type { MachineSample, RunList, RunSummary, ServerMessage } from '../wire/generated';
import { ActivityFeed } from './activities.svelte';
import { frames } from './frames';
import { live } from './live.svelte';

/** All that live, however many there are, and the newest of the others: what ended earlier stands in the history. */
const ASKED = [{ status: 'live', limit: 500 }, { limit: 50 }];

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
  #machine = $state.raw<MachineSample | null>(null);
  readonly activities = new ActivityFeed();
  readonly now = $derived(this.#runs.filter(run => !hasEnded(run)));
  readonly ended = $derived(
    this.#runs
      .filter(hasEnded)
      .sort((a, b) => (b.finished_at ?? b.created_at) - (a.finished_at ?? a.created_at)),
  );

  // Plain on purpose: `#runs` is what is shown, made from this at most once a frame.
  // eslint-disable-next-line svelte/prefer-svelte-reactivity
  #known = new Map<string, RunSummary>();
  #answers = new Newest();
  /** The lists are to be read with the next pong: the first since we listen, or one after an answer that did not come. */
  #unread = true;
  #nextMachine: MachineSample | null = null;
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

  /** The server's own machine, measured while this page is open. */
  get machine(): MachineSample | null {
    return this.#machine;
  }

  /** Load at once, and again when the server is known to listen: what changed before that, and after its answer, is told nowhere. */
  async open(): Promise<void> {
    this.#unlisten?.();
    this.#unread = true;
    this.#unlisten = live.listen(
      { runs: ['*'], topics: ['runs', 'activities', 'machine'], cursors: () => ({}) },
      message => this.#take(message),
    );
    await this.#load();
  }

  close(): void {
    this.#abort.abort();
    this.#unlisten?.();
    this.activities.close();
    frames.cancel(this.#paint);
  }

  async #load(): Promise<void> {
    const asked = this.#answers.ask();
    void this.activities.load(this.#abort.signal);
    try {
      const lists = await Promise.all(ASKED.map(query => get<RunList>('runs', query, this.#abort.signal)));
      if (!asked.isNews()) return;
      // eslint-disable-next-line svelte/prefer-svelte-reactivity
      const listed = new Map(lists.flatMap(list => list.runs.map(run => [run.run_id, run])));
      for (const [id, run] of listed) if (!asked.isOld(id)) this.#known.set(id, run);
      for (const id of this.#known.keys()) if (!listed.has(id) && !asked.isOld(id)) this.#known.delete(id);
      this.#problem = null;
      this.#loaded = true;
      frames.request(this.#paint);
    } catch (error) {
      // Lost again already: the next pong tries anew, and what is known stays.
      this.#unread = true;
      if (!this.#abort.signal.aborted && !this.#loaded) this.#problem = error as Error;
    }
  }

  #take(message: ServerMessage): void {
    switch (message.type) {
      case 'run':
        this.#answers.hear(message.run_id);
        this.#known.set(message.run_id, message.summary);
        break;
      case 'gone':
        this.#answers.hear(message.run_id);
        this.#known.delete(message.run_id);
        this.activities.forget(message.run_id);
        break;
      case 'machine':
        this.#nextMachine = message.sample;
        break;
      case 'activity':
        this.activities.take(message.activity);
        return;
      case 'hello':
        this.#unread = true;
        return;
      case 'pong':
        if (this.#unread) {
          this.#unread = false;
          void this.#load();
        }
        return;
      default:
        return;
    }
    frames.request(this.#paint);
  }

  #paint = (): void => {
    this.#runs = [...this.#known.values()].sort((a, b) => b.created_at - a.created_at);
    this.#machine = this.#nextMachine;
  };
}
