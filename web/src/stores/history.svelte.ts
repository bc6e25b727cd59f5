/** One page of all runs, as the address asks for it. Upstream: HTTP, then the topic `runs`. Downstream: the history page.
 *
 * Rows keep their places until the list is asked for again: what changes meanwhile changes inside its row.
 */
import { writeQuery, type ListQuery } from '../listquery';
import { get, patch, post, remove } from '../net/api';
import type {
  Facets,
  RunList,
  RunPatch,
  RunRecord,
  RunSummary,
  ServerMessage,
  TrashedRun,
} from '../wire/generated';
import { clock } from './clock.svelte';
import { frames } from './frames';
import { live } from './live.svelte';

export const PAGE = 50;
const AT_ONCE = 6;

export class HistoryStore {
  #runs = $state.raw<RunSummary[]>([]);
  #total = $state(0);
  #unread = $state(0);
  #facets = $state.raw<Facets | null>(null);
  #loaded = $state(false);
  #problem = $state.raw<Error | null>(null);
  #fresh = $state(0);
  #picked = $state.raw<readonly string[]>([]);

  /** What to show next, and of which runs the news came: plain, painted at most once a frame. */
  #next: RunSummary[] = [];
  // eslint-disable-next-line svelte/prefer-svelte-reactivity
  #unseen = new Set<string>();
  #since = 0;
  #asked = '';
  #abort = new AbortController();
  #unlisten: (() => void) | null = null;

  get runs(): readonly RunSummary[] {
    return this.#runs;
  }

  /** How many runs fit. */
  get total(): number {
    return this.#total;
  }

  /** Runs that the server has still to read. */
  get unread(): number {
    return this.#unread;
  }

  get facets(): Facets | null {
    return this.#facets;
  }

  get loaded(): boolean {
    return this.#loaded;
  }

  get problem(): Error | null {
    return this.#problem;
  }

  /** Runs that began since the list was read. */
  get fresh(): number {
    return this.#fresh;
  }

  get picked(): readonly string[] {
    return this.#picked;
  }

  /** How many runs there are at all. */
  get everything(): number {
    return Object.values(this.#facets?.status ?? {}).reduce((sum, count) => sum + count, 0);
  }

  open(): void {
    this.#unlisten = live.listen({ runs: ['*'], topics: ['runs'], cursors: () => ({}) }, message =>
      this.#take(message),
    );
  }

  close(): void {
    this.#abort.abort();
    this.#unlisten?.();
    frames.cancel(this.#paint);
  }

  /** The last question counts: an older answer that comes late is dropped. */
  async load(query: ListQuery): Promise<void> {
    this.#abort.abort();
    const abort = (this.#abort = new AbortController());
    this.#asked = writeQuery(query);
    const { page, ...wanted } = query;
    try {
      const asked = { ...wanted, limit: PAGE, offset: (page - 1) * PAGE, facets: true };
      const list = await get<RunList>('runs', asked, abort.signal);
      this.#runs = this.#next = list.runs;
      this.#total = list.total;
      this.#unread = list.unread;
      this.#facets = list.facets;
      this.#since = clock.exact();
      this.#unseen.clear();
      this.#fresh = 0;
      this.#loaded = true;
      this.#problem = null;
    } catch (error) {
      if (!abort.signal.aborted) this.#problem = error as Error;
    }
  }

  get asked(): string {
    return this.#asked;
  }

  pick(ids: readonly string[], on: boolean): void {
    const others = this.#picked.filter(id => !ids.includes(id));
    this.#picked = on ? [...others, ...ids] : others;
  }

  /** Change what people say of some runs; those that cannot be changed are told. */
  async change(ids: readonly string[], wanted: Partial<RunPatch>): Promise<void> {
    await each(ids, async id => this.#put(await patch<RunSummary>(`runs/${encodeURIComponent(id)}`, wanted)));
  }

  /** Put runs into the trash; those that stay are named by the error. */
  async delete(ids: readonly string[]): Promise<void> {
    const gone: string[] = [];
    try {
      await each(ids, async id => {
        await remove(`runs/${encodeURIComponent(id)}`);
        gone.push(id);
      });
    } finally {
      this.pick(gone, false);
    }
  }

  notes(id: string): Promise<RunRecord> {
    return get<RunRecord>(`runs/${encodeURIComponent(id)}`);
  }

  trash(): Promise<TrashedRun[]> {
    return get<TrashedRun[]>('trash');
  }

  async restore(entries: readonly string[]): Promise<void> {
    await each(entries, entry => post(`trash/${encodeURIComponent(entry)}/restore`, {}));
  }

  async removeForGood(entries: readonly string[]): Promise<void> {
    await each(entries, entry => remove(`trash/${encodeURIComponent(entry)}`));
  }

  #take(message: ServerMessage): void {
    if (message.type === 'run') this.#put(message.summary);
    else if (message.type === 'gone') this.#lose(message.run_id);
  }

  #put(summary: RunSummary): void {
    const place = this.#next.findIndex(run => run.run_id === summary.run_id);
    if (place >= 0) this.#next = this.#next.with(place, summary);
    else if (this.#loaded && summary.created_at > this.#since) this.#unseen.add(summary.run_id);
    else return;
    frames.request(this.#paint);
  }

  /** Another tab, or another person, put it into the trash. */
  #lose(id: string): void {
    this.#unseen.delete(id);
    if (this.#next.some(run => run.run_id === id)) {
      this.#next = this.#next.filter(run => run.run_id !== id);
      this.#total--;
    }
    this.pick([id], false);
    frames.request(this.#paint);
  }

  #paint = (): void => {
    this.#runs = this.#next;
    this.#fresh = this.#unseen.size;
  };
}

/** A few at a time; the first failure is thrown when all were tried. */
async function each(ids: readonly string[], work: (id: string) => Promise<unknown>): Promise<void> {
  const waiting = [...ids];
  const failed: unknown[] = [];
  const worker = async (): Promise<void> => {
    for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
      try {
        await work(id);
      } catch (error) {
        failed.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  if (failed.length) throw failed[0];
}
