/** One run as its console page shows it. Upstream: HTTP once, then the socket by cursor. Downstream: panels. */
import { ApiError, get } from '../net/api';
import { CursorBook } from '../net/cursors';
import { unreachable } from '../unreachable';
import type {
  Event,
  LatestAnswer,
  MetricNames,
  Metrics,
  MetricsAnswer,
  RunRecord,
  RunSummary,
  ServerMessage,
  Status,
  SystemAnswer,
  SystemSample,
} from '../wire/generated';
import { ConsoleFeed } from './console';
import { frames } from './frames';
import { live } from './live.svelte';
import { Orders } from './orders.svelte';
import { RECENT_SECONDS } from './recent';
import { SamplesFeed } from './samples.svelte';
import { coursesOf, isCharted, rewoundOf, SeriesBook, type CloseUp } from './series';
import { firstFrom } from './thin';

const TOPICS = ['status', 'metrics', 'events', 'console', 'system', 'runs'] as const;
/** What the page opens with; the other courses come behind it, a few at a time. */
const FIRST = /^(eval|test)\/|^train\/(loss|grad_norm|learning_rate|tokens_per_second|samples_per_second)$/;
const NAMES_PER_REQUEST = 6;
const POINTS = 2000;
/** Of the last minutes of a rate, for averages and peaks are of all values. */
const RECENT_POINTS = 50_000;
const AGAIN_MS = 500;
/** Machine samples looked back for the highest temperatures. */
const SYSTEM_POINTS = 1000;
const SAVING = 'checkpoint: ';
const SAVING_STATUS = 'Saving a checkpoint: ';

export class RunStore {
  readonly series = new SeriesBook();
  readonly console: ConsoleFeed;
  readonly orders: Orders;
  readonly samples: SamplesFeed;

  #record = $state.raw<RunRecord | null>(null);
  #summary = $state.raw<RunSummary | null>(null);
  #status = $state.raw<Status | null>(null);
  #system = $state.raw<SystemSample | null>(null);
  /** Highest temperature by GPU, as far back as samples are kept. */
  #hottest = $state.raw<Readonly<Record<number, number>>>({});
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
  #names: string[] = [];
  /** Messages since the last paint. */
  #news: { summary?: RunSummary; status?: Status | null; system?: SystemSample; series?: boolean } = {};

  constructor(readonly id: string) {
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

  get system(): SystemSample | null {
    return this.#system;
  }

  get hottest(): Readonly<Record<number, number>> {
    return this.#hottest;
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

  /** Counts the changes of `series`, at most one a frame: read it to paint again. */
  get revision(): number {
    return this.#revision;
  }

  get missing(): boolean {
    return this.#problem instanceof ApiError && this.#problem.status === 404;
  }

  /** Texts of earlier evaluations. */
  olderSamples(): Promise<void> {
    return this.samples.older(this.#abort.signal);
  }

  /** Load everything there is, then listen. */
  async open(): Promise<void> {
    this.#problem = null;
    try {
      const record = await this.#get<RunRecord>('');
      this.#cursors.saw({ ...record.cursors, console: 0 });
      this.#takeRecord(record);
      await Promise.all([
        this.#loadFirstMetrics(),
        this.#loadSystem(),
        this.#loadConsole(),
        this.samples.load(record.cursors.events ?? -1, this.#abort.signal),
      ]);
      this.#listen();
      void this.#loadOtherMetrics().catch(() => this.#refresh(true));
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

  async #loadFirstMetrics(): Promise<void> {
    const { names } = await this.#get<MetricNames>('/metrics/names');
    this.#names = names;
    await Promise.all([this.#loadLatest(), this.#loadCourses(names.filter(name => FIRST.test(name)))]);
    await Promise.all(names.filter(name => name.endsWith('_per_second')).map(name => this.#loadRecent(name)));
  }

  /** A few names at a time, so that nothing that was asked meanwhile has to wait for all of them. */
  async #loadOtherMetrics(): Promise<void> {
    const others = this.#names.filter(
      name => !FIRST.test(name) && (isCharted(name) || this.series.isWanted(name)),
    );
    for (let i = 0; i < others.length; i += NAMES_PER_REQUEST)
      await this.#loadCourses(others.slice(i, i + NAMES_PER_REQUEST));
  }

  async #loadLatest(): Promise<void> {
    const answer = await this.#get<LatestAnswer>('/metrics/latest');
    this.series.replaceLatest(answer.values, this.#known(answer));
    this.#revision++;
  }

  async #loadCourses(names: string[]): Promise<void> {
    if (!names.length) return;
    const superseded = (this.#summary?.attempt ?? 1) > 1;
    const answer = await this.#get<MetricsAnswer>('/metrics', {
      name: names,
      max_points: POINTS,
      superseded,
    });
    this.series.replace(answer.series, this.#known(answer));
    this.series.replaceSuperseded(answer.superseded ?? {}, names);
    this.#revision++;
  }

  /** The last minutes of a rate in full, where its course over the whole run is thinner than that. */
  async #loadRecent(name: string): Promise<void> {
    const series = this.series.get(name);
    if (!series?.thinned) return;
    const begin = firstFrom(series.times, series.lastTime! - RECENT_SECONDS);
    const from_step = series.steps[Math.max(0, begin - 1)];
    if (from_step === undefined || Number.isNaN(from_step)) return;
    const answer = await this.#get<MetricsAnswer>('/metrics', { name, max_points: RECENT_POINTS, from_step });
    this.series.replaceRecent(name, answer.series[name]!, this.#known(answer));
  }

  /** The last event of the stream that this run's numbers come from. */
  #known(answer: { cursor: number; supervisor: number }): number {
    return this.#isInstrumented ? answer.cursor : answer.supervisor;
  }

  /** Keep the courses of these names too, whatever they are; those that are not there yet come. */
  async want(names: readonly string[]): Promise<void> {
    const missing = names.filter(name => !this.series.get(name));
    for (const name of names) this.series.want(name);
    for (let i = 0; i < missing.length; i += NAMES_PER_REQUEST)
      await this.#loadCourses(missing.slice(i, i + NAMES_PER_REQUEST));
  }

  /** Every metric that the run has, in the order of their names. */
  get metricNames(): string[] {
    void this.#revision;
    return this.series.namesWith(this.#names);
  }

  /** A closer look: the true points of a part, as many as are asked for; `rewound` too, what was gone back behind. */
  async closeUp(
    names: readonly string[],
    steps: { from: number; to: number },
    points: number,
    rewound: boolean,
    signal: AbortSignal,
  ): Promise<CloseUp> {
    const answer = await get<MetricsAnswer>(
      this.#path('/metrics'),
      {
        name: [...names],
        max_points: points,
        from_step: steps.from,
        to_step: steps.to,
        superseded: rewound,
      },
      signal,
    );
    const known = this.#known(answer);
    return { courses: coursesOf(answer.series, known), superseded: rewoundOf(answer.superseded ?? {}) };
  }

  /** Samples of the machine over the whole run, evenly thinned. */
  async machineHistory(points: number, signal: AbortSignal): Promise<SystemSample[]> {
    const answer = await get<SystemAnswer>(this.#path('/system'), { max_points: points }, signal);
    return answer.samples;
  }

  async #loadSystem(): Promise<void> {
    const { samples } = await this.#get<SystemAnswer>('/system', { max_points: SYSTEM_POINTS });
    for (const sample of samples) this.#feel(sample);
    const last = samples.at(-1);
    if (!last) return;
    this.#systemSeq = last.seq;
    this.#system = last;
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
        this.series.append(event);
        this.#news.series = true;
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
    try {
      this.#takeRecord(await this.#get<RunRecord>(''));
      if (metrics) {
        await this.#loadFirstMetrics();
        await this.#loadOtherMetrics();
      }
    } catch {
      // The connection's own state says that the server is away; the next event asks again.
    }
  }

  #feel({ gpus }: SystemSample): void {
    const risen = gpus.filter(({ index, temperature }) => (temperature ?? -1) > (this.#hottest[index] ?? -1));
    if (!risen.length) return;
    const now = Object.fromEntries(risen.map(gpu => [gpu.index, gpu.temperature!]));
    this.#hottest = { ...this.#hottest, ...now };
  }

  #paint = (): void => {
    const news = this.#news;
    this.#news = {};
    if (news.summary) this.#summary = news.summary;
    if (news.status !== undefined) this.#status = news.status;
    if (news.system) this.#system = news.system;
    if (news.system) this.#feel(news.system);
    if (news.series) this.#revision++;
  };
}
