/** A search over the whole log on the server, page by page. Upstream: HTTP. Downstream: the list of hits. */
import { get } from '../net/api';
import type { Query } from '../terminal/find';
import type { SearchHit, SearchPage } from '../wire/generated';

const PAGE = 100;

export class LogSearch {
  #query: Query | null = null;
  #hits = $state.raw<SearchHit[]>([]);
  #next = $state.raw<SearchPage['next']>(null);
  #busy = $state(false);
  #searched = $state(0);
  #size = $state(0);
  #leftOut = $state(0);
  #problem = $state.raw<Error | null>(null);
  #abort = new AbortController();

  constructor(readonly runId: string) {}

  /** The newest first. */
  get hits(): readonly SearchHit[] {
    return this.#hits;
  }

  get hasMore(): boolean {
    return this.#next !== null;
  }

  get busy(): boolean {
    return this.#busy;
  }

  /** How much of the file was looked through, 0 to 1. */
  get progress(): number {
    return this.#size ? this.#searched / this.#size : 0;
  }

  /** Lines that took too long for the pattern. */
  get leftOut(): number {
    return this.#leftOut;
  }

  get problem(): Error | null {
    return this.#problem;
  }

  /** Search anew; without a text nothing is looked for. */
  async start(query: Query): Promise<void> {
    this.cancel();
    this.#query = query.text ? { ...query } : null;
    this.#hits = [];
    this.#next = null;
    this.#searched = this.#size = this.#leftOut = 0;
    this.#problem = null;
    await this.#go();
  }

  async more(): Promise<void> {
    if (!this.#busy) await this.#go();
  }

  cancel(): void {
    this.#abort.abort();
    this.#abort = new AbortController();
    this.#busy = false;
  }

  /** Until there is a page of hits or nothing more; the server looks for two seconds at a time. */
  async #go(): Promise<void> {
    if (!this.#query) return;
    const { signal } = this.#abort;
    const wanted = this.#hits.length + PAGE;
    this.#busy = true;
    try {
      do {
        const page = await this.#page(wanted - this.#hits.length, signal);
        this.#hits = [...this.#hits, ...page.hits];
        this.#next = page.next;
        this.#size = page.size;
        this.#searched = page.next ? page.size - page.next.offset : page.size;
        if (page.stopped === 'pattern') this.#leftOut++;
      } while (this.#next && this.#hits.length < wanted);
    } catch (error) {
      if (!signal.aborted) this.#problem = error as Error;
    } finally {
      if (!signal.aborted) this.#busy = false;
    }
  }

  #page(limit: number, signal: AbortSignal): Promise<SearchPage> {
    const { text, regex, case: exactly, word } = this.#query!;
    const path = `runs/${encodeURIComponent(this.runId)}/console/find`;
    const query = { q: text, regex, case: exactly, word, newest: true, limit, ...this.#next };
    return get<SearchPage>(path, query, signal);
  }
}
