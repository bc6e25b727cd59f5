/** Several runs beside each other: their results and settings, and their courses as they grow. Upstream: HTTP, then the socket by cursor. Downstream: the compare page. */
/* eslint-disable svelte/prefer-svelte-reactivity -- bulk data stays out of reactivity; what is shown is told by `revision`. */
import { get } from '../net/api';
import { CursorBook } from '../net/cursors';
import type { ComparedRun, Comparison, Event, RunSummary, ServerMessage } from '../wire/generated';
import { frames } from './frames';
import { live } from './live.svelte';
import { MetricsFeed } from './metricsfeed.svelte';
import { hasEnded } from './runs.svelte';

/** Results of runs that train are counted anew so often, and no oftener. */
const RESULTS_EVERY_MS = 4000;
const SOON_MS = 400;

/** One run's numbers, and how far they are known. */
interface Feed {
  metrics: MetricsFeed;
  cursors: CursorBook;
  /** Names whose whole course is there, or on its way. */
  loaded: Set<string>;
  abort: AbortController;
}

export class ComparisonStore {
  #answer = $state.raw<Comparison | null>(null);
  #summaries = $state.raw<ReadonlyMap<string, RunSummary>>(new Map());
  #problem = $state.raw<Error | null>(null);
  #revision = $state(0);
  #waiting = $state(0);
  #arrivals = $state(0);
  #feeds = new Map<string, Feed>();
  #words: readonly string[] = [];
  #names: readonly string[] = [];
  #news = new Map<string, RunSummary>();
  #unlisten: (() => void) | null = null;
  #again: number | null = null;
  #asked = 0;
  #readAt = -Infinity;
  #closed = false;

  get answer(): Comparison | null {
    return this.#answer;
  }

  get problem(): Error | null {
    return this.#problem;
  }

  /** Counts the changes of the courses, at most one a frame: read it to paint again. */
  get revision(): number {
    return this.#revision;
  }

  /** Counts the answers that brought courses: those show at once. */
  get arrivals(): number {
    return this.#arrivals;
  }

  /** Whether courses are on their way. */
  get loading(): boolean {
    return this.#waiting > 0;
  }

  /** The newest that is known of a run: its summary where one was told since the answer. */
  summary(id: string): RunSummary | null {
    return this.#summaries.get(id) ?? null;
  }

  metrics(id: string): MetricsFeed | null {
    return this.#feeds.get(id)?.metrics ?? null;
  }

  /** Compare these runs from now on; those that were there keep what is known of them. Resolves when results are there. */
  async show(words: readonly string[]): Promise<void> {
    this.#words = words;
    if (!words.length) {
      this.#drop(() => true);
      this.#answer = null;
      return;
    }
    await this.#read();
  }

  /** Show these metrics; what of them is not there yet comes. */
  want(names: readonly string[]): void {
    this.#names = names;
    for (const [id, feed] of this.#feeds) void this.#load(id, feed);
  }

  close(): void {
    this.#closed = true;
    this.#drop(() => true);
    this.#unlisten?.();
    if (this.#again !== null) clearTimeout(this.#again);
    frames.cancel(this.#paint);
  }

  async #read(): Promise<void> {
    const asked = ++this.#asked;
    try {
      const answer = await get<Comparison>('compare', { runs: this.#words });
      // Of two questions the later one counts.
      if (asked !== this.#asked || this.#closed) return;
      this.#problem = null;
      this.#readAt = performance.now();
      this.#take(answer);
    } catch (error) {
      if (asked === this.#asked && !this.#closed) this.#problem = error as Error;
    }
  }

  #take(answer: Comparison): void {
    const ids = answer.runs.map(run => run.run_id);
    const before = [...this.#feeds.keys()].join();
    this.#drop(id => !ids.includes(id));
    this.#answer = answer;
    for (const run of answer.runs)
      if (!this.#feeds.has(run.run_id)) this.#feeds.set(run.run_id, this.#open(run));
    this.want(this.#names);
    if ([...this.#feeds.keys()].join() !== before) this.#listen(ids);
    this.#revision++;
  }

  #open(run: ComparedRun): Feed {
    const abort = new AbortController();
    const facts = () => this.#summaries.get(run.run_id) ?? run;
    const cursors = new CursorBook();
    cursors.saw({ ...run.cursors, console: 0 });
    const metrics = new MetricsFeed(run.run_id, abort.signal, facts);
    return { metrics, cursors, loaded: new Set(), abort };
  }

  #drop(is: (id: string) => boolean): void {
    for (const [id, feed] of this.#feeds) {
      if (!is(id)) continue;
      feed.abort.abort();
      feed.metrics.close();
      this.#feeds.delete(id);
      this.#news.delete(id);
    }
  }

  async #load(id: string, feed: Feed): Promise<void> {
    const missing = this.#names.filter(name => !feed.loaded.has(name));
    if (!missing.length) return;
    for (const name of missing) feed.loaded.add(name);
    this.#waiting++;
    try {
      await feed.metrics.reload(missing);
    } catch {
      // The connection's own state says that the server is away; results are read again when it is back, then these.
      for (const name of missing) feed.loaded.delete(name);
    } finally {
      this.#waiting--;
      this.#arrivals++;
      if (this.#feeds.get(id) === feed) frames.request(this.#paint);
    }
  }

  #listen(ids: string[]): void {
    this.#unlisten?.();
    this.#unlisten = live.listen(
      {
        runs: ids,
        topics: ['metrics', 'runs'],
        cursors: () => Object.fromEntries([...this.#feeds].map(([id, feed]) => [id, feed.cursors.now])),
      },
      message => this.#hear(message),
    );
  }

  #hear(message: ServerMessage): void {
    if (message.type === 'hello') return this.#readSoon(SOON_MS);
    if (!('run_id' in message) || !message.run_id) return;
    const feed = this.#feeds.get(message.run_id);
    if (!feed) return;
    if (message.type === 'events')
      this.#takeEvents(feed, message.stream, message.events as unknown as Event[]);
    else if (message.type === 'run') this.#takeSummary(feed, message.summary);
    else if (message.type === 'gap') this.#reload(message.run_id, feed);
  }

  #takeEvents(feed: Feed, stream: 'trainer' | 'supervisor', events: Event[]): void {
    const told = this.#summaries.get(feed.metrics.runId) ?? this.#of(feed.metrics.runId);
    let some = false;
    for (const event of feed.cursors.fresh(stream, events)) {
      if (event.type !== 'metrics' || (stream === 'supervisor' && told?.instrumented)) continue;
      feed.metrics.append(event);
      some = true;
    }
    if (!some) return;
    frames.request(this.#paint);
    this.#readSoon(RESULTS_EVERY_MS);
  }

  #takeSummary(feed: Feed, summary: RunSummary): void {
    const id = summary.run_id;
    const before = this.#news.get(id) ?? this.#summaries.get(id) ?? this.#of(id);
    this.#news.set(id, summary);
    // A new attempt may have gone back behind what is drawn; a run that spoke after all said other numbers.
    if (before && (before.attempt !== summary.attempt || before.instrumented !== summary.instrumented))
      this.#reload(id, feed);
    if (before?.state !== summary.state || before.name !== summary.name) this.#readSoon(SOON_MS);
    frames.request(this.#paint);
  }

  #of(id: string): ComparedRun | undefined {
    return this.#answer?.runs.find(run => run.run_id === id);
  }

  #reload(id: string, feed: Feed): void {
    feed.loaded.clear();
    void this.#load(id, feed);
    this.#readSoon(SOON_MS);
  }

  /** Results and settings again, once however often it is asked. */
  #readSoon(within: number): void {
    if (this.#again !== null && within >= RESULTS_EVERY_MS) return;
    if (this.#again !== null) clearTimeout(this.#again);
    const wait = Math.max(within, this.#readAt + SOON_MS - performance.now());
    this.#again = window.setTimeout(() => {
      this.#again = null;
      // Nobody looks: what comes meanwhile asks again.
      if (!document.hidden || within < RESULTS_EVERY_MS) void this.#read();
    }, wait);
  }

  #paint = (): void => {
    if (this.#news.size) this.#summaries = new Map([...this.#summaries, ...this.#news]);
    this.#news.clear();
    this.#revision++;
  };
}

/** What is shown of a run's state: as told last. */
export function shownState(run: ComparedRun, summary: RunSummary | null): ComparedRun | RunSummary {
  return summary ?? run;
}

export function goesOn(run: ComparedRun, summary: RunSummary | null): boolean {
  return !hasEnded(summary ?? run);
}
