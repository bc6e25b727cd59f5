/** One run as its console page shows it. Upstream: HTTP once, then the socket by cursor. Downstream: panels. */
import { ApiError, get } from '../net/api';
import { CursorBook } from '../net/cursors';
import { unreachable } from '../unreachable';
import type {
  Event,
  EventsAnswer,
  MetricNames,
  Metrics,
  MetricsAnswer,
  RunRecord,
  RunSummary,
  Samples,
  ServerMessage,
  Status,
  SystemAnswer,
  SystemSample,
} from '../wire/generated';
import { ConsoleFeed } from './console';
import { frames } from './frames';
import { live } from './live.svelte';
import { Orders } from './orders.svelte';
import { isCharted, SeriesBook } from './series';

const TOPICS = ['status', 'metrics', 'events', 'console', 'system', 'runs'] as const;
/** More points than this are fetched again in fewer. */
const MOST_POINTS = 20_000;
const NAMES_PER_REQUEST = 60;
const AGAIN_MS = 500;
/** Events looked back for the last samples; older ones wait for the next. */
const SAMPLES_WITHIN = 20_000;
const SAVING = 'checkpoint: ';

export class RunStore {
  readonly series = new SeriesBook();
  readonly console: ConsoleFeed;
  readonly orders: Orders;

  #record = $state.raw<RunRecord | null>(null);
  #summary = $state.raw<RunSummary | null>(null);
  #status = $state.raw<Status | null>(null);
  #system = $state.raw<SystemSample | null>(null);
  #samples = $state.raw<Samples[]>([]);
  #saving = $state<string | null>(null);
  #problem = $state.raw<Error | null>(null);
  #consoleProblem = $state.raw<Error | null>(null);
  #revision = $state(0);

  #cursors = new CursorBook();
  #systemSeq = -1;
  #abort = new AbortController();
  #unlisten: (() => void) | null = null;
  #again: number | null = null;
  #metricsWanted = false;
  /** Points that came while the numbers were fetched again: those that the answer lacks are appended to it. */
  #meanwhile: { stream: 'trainer' | 'supervisor'; event: Metrics }[] | null = null;
  /** Messages since the last paint. */
  #news: { summary?: RunSummary; status?: Status | null; system?: SystemSample; series?: boolean } = {};

  constructor(readonly id: string) {
    this.console = new ConsoleFeed(id);
    this.orders = new Orders(id);
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

  get system(): SystemSample | null {
    return this.#system;
  }

  /** Generated texts, the newest last, at most two. */
  get samples(): readonly Samples[] {
    return this.#samples;
  }

  /** What the trainer says of the save under way: `reading back 45.2 MB`; null when there is none. */
  get saving(): string | null {
    return this.#saving;
  }

  get problem(): Error | null {
    return this.#problem;
  }

  get consoleProblem(): Error | null {
    return this.#consoleProblem;
  }

  /** Counts the changes of `series`, at most one a frame: read it to paint again. */
  get revision(): number {
    return this.#revision;
  }

  get missing(): boolean {
    return this.#problem instanceof ApiError && this.#problem.status === 404;
  }

  /** Load everything there is, then listen. */
  async open(): Promise<void> {
    this.#problem = null;
    try {
      const record = await this.#get<RunRecord>('');
      this.#cursors.saw({ ...record.cursors, console: 0 });
      this.#takeRecord(record);
      await Promise.all([
        this.#loadMetrics(),
        this.#loadSystem(),
        this.#loadConsole(),
        this.#loadSamples(record.cursors.events ?? -1),
      ]);
      this.#listen();
    } catch (error) {
      if (!this.#abort.signal.aborted) this.#problem = error as Error;
    }
  }

  close(): void {
    this.#abort.abort();
    this.#unlisten?.();
    if (this.#again !== null) clearTimeout(this.#again);
    frames.cancel(this.#paint);
  }

  #path(rest: string): string {
    return `runs/${encodeURIComponent(this.id)}${rest}`;
  }

  #get<T>(rest: string, query: Parameters<typeof get>[1] = {}): Promise<T> {
    return get<T>(this.#path(rest), query, this.#abort.signal);
  }

  #takeRecord(record: RunRecord): void {
    this.#record = record;
    this.#summary = record.summary;
    this.#status = record.status;
    this.orders.take(record.commands);
  }

  async #loadMetrics(): Promise<void> {
    const { names } = await this.#get<MetricNames>('/metrics/names');
    const charted = names.filter(isCharted);
    const loads = names.filter(name => name.startsWith('moe/load/'));
    const requests = [charted.length ? this.#columns(charted, 2000) : null];
    for (let i = 0; i < loads.length; i += NAMES_PER_REQUEST)
      requests.push(this.#columns(loads.slice(i, i + NAMES_PER_REQUEST), 10));
    const answers = (await Promise.all(requests)).filter(answer => answer !== null);
    this.series.clear();
    for (const answer of answers) {
      this.series.replace(answer.series);
      this.series.replaceSuperseded(answer.superseded ?? {});
    }
    if (answers[0]) this.#cursors.sawPoints(answers[0].cursor, answers[0].supervisor);
    for (const { stream, event } of this.#meanwhile ?? [])
      if (!this.#cursors.hasPoint(stream, event.seq)) this.series.append(event);
    this.#revision++;
  }

  #columns(names: string[], points: number): Promise<MetricsAnswer> {
    const superseded = (this.#summary?.attempt ?? 1) > 1;
    return this.#get<MetricsAnswer>('/metrics', { name: names, max_points: points, superseded });
  }

  async #loadSystem(): Promise<void> {
    const { samples } = await this.#get<SystemAnswer>('/system', { max_points: 2 });
    const last = samples.at(-1);
    if (!last) return;
    this.#systemSeq = last.seq;
    this.#system = last;
  }

  /** Texts are a help, not the run: without them the page shows all else. */
  async #loadSamples(cursor: number): Promise<void> {
    const query = { type: 'samples', after_seq: Math.max(-1, cursor - SAMPLES_WITHIN), limit: 10_000 };
    try {
      const { events } = await this.#get<EventsAnswer>('/events', query);
      this.#samples = (events as unknown as Samples[]).slice(-2);
    } catch {
      // The next samples event brings them.
    }
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
    if ('run_id' in message && message.run_id !== this.id) return;
    switch (message.type) {
      case 'training_status_update':
        this.#news.status = message.status;
        break;
      case 'run':
        this.#news.summary = message.summary;
        break;
      case 'system':
        if (message.sample.seq <= this.#systemSeq) return;
        this.#systemSeq = message.sample.seq;
        this.#news.system = message.sample;
        break;
      case 'events':
        this.#takeEvents(message.stream, message.events as unknown as Event[]);
        break;
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
      case 'alert':
      case 'pong':
      case 'error':
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
        if (stream === 'supervisor' && this.#isInstrumented) continue;
        this.#meanwhile?.push({ stream, event });
        this.series.append(event);
        this.#news.series = true;
      } else {
        this.#takeFact(event);
      }
    }
    if (this.series.size > MOST_POINTS) this.#refresh(true);
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
        this.#samples = [...this.#samples, event].slice(-2);
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

  get #isInstrumented(): boolean {
    return this.#summary?.instrumented ?? false;
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
    this.#meanwhile = [];
    try {
      this.#takeRecord(await this.#get<RunRecord>(''));
      if (metrics) await this.#loadMetrics();
    } catch {
      // The connection's own state says that the server is away; the next event asks again.
    } finally {
      this.#meanwhile = null;
    }
  }

  #paint = (): void => {
    const news = this.#news;
    this.#news = {};
    if (news.summary) this.#summary = news.summary;
    if (news.status !== undefined) this.#status = news.status;
    if (news.system) this.#system = news.system;
    if (news.series) this.#revision++;
  };
}
