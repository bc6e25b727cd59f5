/** One run as its console page shows it. Upstream: HTTP once, then the socket by cursor. Downstream: panels. */
import { ApiError, get } from '../net/api';
import { CursorBook } from '../net/cursors';
import { Newest } from '../net/newest';
import { unreachable } from '../unreachable';
import type { Event, Metrics, RunRecord, RunSummary, ServerMessage, Status } from '../wire/generated';
import { ConsoleFeed } from './console';
import { firstLook } from './firstlook';
import { frames } from './frames';
import { live } from './live.svelte';
import { MachineFeed } from './machine.svelte';
import { MetricsFeed } from './metricsfeed.svelte';
import { Orders } from './orders.svelte';
import { SamplesFeed } from './samples.svelte';
import type { SeriesBook } from './seriesbook';

const TOPICS = ['status', 'metrics', 'events', 'console', 'system', 'runs'] as const;
const AGAIN_MS = 500;
const SAVING = 'checkpoint: ';
const SAVING_STATUS = 'Saving a checkpoint: ';

export class RunStore {
  readonly metrics: MetricsFeed;
  readonly machine: MachineFeed;
  readonly console: ConsoleFeed;
  readonly orders: Orders;
  readonly samples: SamplesFeed;

  #record = $state.raw<RunRecord | null>(null);
  #summary = $state.raw<RunSummary | null>(null);
  #status = $state.raw<Status | null>(null);
  #saving = $state<string | null>(null);
  #problem = $state.raw<Error | null>(null);
  #gone = $state(false);
  #consoleProblem = $state.raw<Error | null>(null);

  #cursors = new CursorBook();
  #records = new Newest();
  /** How often the socket has told the state, or that the run is gone: newer than every answer under way. */
  #told = 0;
  #abort = new AbortController();
  #unlisten: (() => void) | null = null;
  #again: number | null = null;
  #metricsWanted = false;
  /** Messages since the last paint. */
  #news: { summary?: RunSummary; status?: Status | null } = {};

  constructor(readonly id: string) {
    this.metrics = new MetricsFeed(id, this.#abort.signal, () => this.#summary);
    this.machine = new MachineFeed(id);
    this.console = new ConsoleFeed(id);
    this.orders = new Orders(id);
    this.samples = new SamplesFeed(id);
  }

  get record(): RunRecord | null {
    return this.#record;
  }

  get summary(): RunSummary | null {
    return this.#summary;
  }

  /** PULSE v1 as last heard. */
  get status(): Status | null {
    return this.#status;
  }

  /** What the trainer says of the save under way: `reading back 45.2 MB`; null when there is none. */
  get saving(): string | null {
    // The status tells how far it is, also to a page that was opened in the middle and has not heard its lines.
    const under = this.#summary?.state === 'checkpointing' ? this.#summary.message : null;
    return under?.split(SAVING_STATUS, 2)[1] ?? this.#saving ?? (under === null ? null : '');
  }

  get problem(): Error | null {
    return this.#problem;
  }

  get consoleProblem(): Error | null {
    return this.#consoleProblem;
  }

  get series(): SeriesBook {
    return this.metrics.series;
  }

  /** Counts the changes of `series`, at most one a frame: read it to paint again. */
  get revision(): number {
    return this.metrics.revision;
  }

  /** Put into the trash while it was looked at. */
  get gone(): boolean {
    return this.#gone;
  }

  get missing(): boolean {
    return this.#problem instanceof ApiError && this.#problem.status === 404;
  }

  /** Texts of earlier evaluations. */
  olderSamples(): Promise<void> {
    return this.samples.older(this.#abort.signal);
  }

  /** Load what the page opens with, then listen; the rest comes behind it. */
  async open(): Promise<void> {
    this.#problem = null;
    try {
      const look = firstLook(this.id, this.#abort.signal);
      const record = await look.record;
      this.#takeRecord(record);
      this.#takeState(record);
      const [known] = await Promise.all([
        this.metrics.open(look),
        this.machine.load(this.#abort.signal),
        this.#loadConsole(),
      ]);
      // Either answer may be the older one: what came in between is told again, and known by its seq where it is.
      const events = Math.min(record.cursors.events ?? -1, known.events);
      const supervisor = Math.min(record.cursors.supervisor ?? -1, known.supervisor);
      this.#cursors.saw({ events, supervisor, console: 0 });
      this.#listen();
      void this.samples.load(events, this.#abort.signal);
      void this.metrics.loadOthers().catch(() => this.#refresh(true));
    } catch (error) {
      if (!this.#abort.signal.aborted) this.#problem = error as Error;
    }
  }

  close(): void {
    this.#abort.abort();
    this.#unlisten?.();
    if (this.#again !== null) clearTimeout(this.#again);
    this.metrics.close();
    this.machine.close();
    frames.cancel(this.#paint);
  }

  #fetchRecord(): Promise<RunRecord> {
    return get<RunRecord>(`runs/${encodeURIComponent(this.id)}`, {}, this.#abort.signal);
  }

  #takeRecord(record: RunRecord): void {
    this.#record = record;
    this.orders.take(record.commands);
  }

  #takeState({ summary, status }: RunRecord): void {
    this.#summary = summary;
    this.#status = status;
  }

  /** A log that cannot be read is no reason to show nothing. */
  async #loadConsole(): Promise<void> {
    try {
      await this.console.load(this.#abort.signal);
      this.#consoleProblem = null;
    } catch (error) {
      if (!this.#abort.signal.aborted) this.#consoleProblem = error as Error;
    }
  }

  #listen(): void {
    if (this.#abort.signal.aborted) return;
    this.#unlisten = live.listen(
      {
        runs: [this.id],
        topics: [...TOPICS],
        cursors: () => ({ [this.id]: { ...this.#cursors.now, console: this.console.cursor } }),
      },
      message => this.#take(message),
    );
  }

  #take(message: ServerMessage): void {
    if ('run_id' in message && (message.run_id ?? this.id) !== this.id) return;
    switch (message.type) {
      case 'training_status_update':
        this.#told += 1;
        this.#news.status = message.status;
        break;
      case 'run':
        this.#told += 1;
        this.#news.summary = message.summary;
        // Put back from the trash.
        if (this.#gone) this.#refresh(true);
        break;
      case 'system':
        this.machine.take(message.sample);
        return;
      case 'events':
        this.#takeEvents(message.stream, message.events as unknown as Event[]);
        return;
      case 'console':
        this.console.take(message);
        return;
      case 'gap':
        // The missing part of the log shows as skipped; numbers are fetched again.
        this.#refresh(true);
        return;
      case 'hello':
        // After a reconnect: what has no cursor is fetched again.
        this.#refresh(false);
        return;
      case 'gone':
        this.#told += 1;
        this.#gone = true;
        return;
      case 'error':
        // That there is no such run, perhaps: it went before the server heard that we listen.
        this.#refresh(false);
        return;
      case 'alert':
      case 'activity':
      case 'machine':
      case 'pong':
      case 'command':
        return;
      default:
        unreachable(message);
    }
    frames.request(this.#paint);
  }

  #takeEvents(stream: 'trainer' | 'supervisor', events: Event[]): void {
    for (const event of this.#cursors.fresh(stream, events)) {
      if (event.type === 'metrics') {
        if (stream === 'supervisor' && this.#summary?.instrumented) continue;
        this.metrics.append(event);
      } else {
        this.#takeFact(event);
      }
    }
  }

  /** Everything but numbers: rare, and mostly a reason to read the record again. */
  #takeFact(event: Exclude<Event, Metrics>): void {
    switch (event.type) {
      case 'ack':
        if (!this.orders.acknowledge(event)) this.#refresh(false);
        break;
      case 'hello':
        this.#refresh(true);
        break;
      case 'checkpoint':
        this.#saving = null;
        this.#refresh(false);
        break;
      case 'process':
        this.#saving = null;
        this.#refresh(false);
        break;
      case 'state':
      case 'hyperparameters':
      case 'restart':
        this.#refresh(false);
        break;
      case 'samples':
        this.samples.take(event);
        break;
      case 'log':
        if (event.message.startsWith(SAVING)) this.#saving = event.message.slice(SAVING.length);
        break;
      case 'alert':
      case 'artifact':
      case 'stall':
      case 'system':
        break;
      default:
        unreachable(event);
    }
  }

  /** Fetch the record (and the numbers) again, soon and once however often it is asked. */
  #refresh(metrics: boolean): void {
    this.#metricsWanted ||= metrics;
    if (this.#again !== null) return;
    this.#again = window.setTimeout(() => {
      this.#again = null;
      void this.#fetchAgain();
    }, AGAIN_MS);
  }

  async #fetchAgain(): Promise<void> {
    const metrics = this.#metricsWanted;
    this.#metricsWanted = false;
    const asked = this.#records.ask();
    const told = this.#told;
    try {
      const record = await this.#fetchRecord();
      if (asked.isNews()) {
        this.#takeRecord(record);
        if (told === this.#told) {
          this.#takeState(record);
          this.#gone = false;
        }
      }
      if (metrics) await this.metrics.again();
    } catch (error) {
      if (error instanceof ApiError && error.code === 'run_not_found') this.#gone = true;
      // Else the connection's own state says that the server is away; the next event asks again.
    }
  }

  #paint = (): void => {
    const news = this.#news;
    this.#news = {};
    if (news.summary) this.#summary = news.summary;
    if (news.status !== undefined) this.#status = news.status;
  };
}
