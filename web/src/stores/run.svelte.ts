/** One run as its console page shows it. Upstream: HTTP once, then the socket by cursor. Downstream: panels. */
import { ApiError, get, post } from '../net/api';
import { CursorBook } from '../net/cursors';
import { uuid7 } from '../net/ids';
import { unreachable } from '../unreachable';
import type {
  CommandAnswer,
  Event,
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
import { clock } from './clock.svelte';
import { acknowledged, fromRecord, isOpen, merged, type CommandView } from './commands';
import { ConsoleFeed } from './console';
import { frames } from './frames';
import { live } from './live.svelte';
import { isCharted, SeriesBook } from './series';

const TOPICS = ['status', 'metrics', 'events', 'console', 'system', 'runs', 'alerts'] as const;
/** More points than this are fetched again in fewer. */
const MOST_POINTS = 20_000;
const NAMES_PER_REQUEST = 60;
const AGAIN_MS = 500;

export class RunStore {
  readonly series = new SeriesBook();
  readonly console: ConsoleFeed;

  #record = $state.raw<RunRecord | null>(null);
  #summary = $state.raw<RunSummary | null>(null);
  #status = $state.raw<Status | null>(null);
  #system = $state.raw<SystemSample | null>(null);
  #commands = $state.raw<CommandView[]>([]);
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

  get commands(): CommandView[] {
    return this.#commands;
  }

  get lastCommand(): CommandView | undefined {
    return this.#commands.at(-1);
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
      await Promise.all([this.#loadMetrics(), this.#loadSystem(), this.#loadConsole()]);
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

  /** Give the trainer a command; its progress shows in `commands`. */
  async command(name: string, args: Record<string, unknown> = {}): Promise<void> {
    const id = uuid7();
    const view: CommandView = {
      id,
      command: name,
      issuedAt: clock.exact(),
      state: 'sending',
      step: null,
      detail: null,
    };
    this.#commands = merged(this.#commands, [view]);
    try {
      await post<CommandAnswer>(this.#path('/commands'), { command: name, args, id });
      this.#commands = merged(this.#commands, [{ ...view, state: 'requested' }]);
    } catch (error) {
      const hint = error instanceof ApiError && error.hint ? ` ${error.hint}` : '';
      const state = error instanceof ApiError ? 'rejected' : 'not_sent';
      this.#commands = merged(this.#commands, [{ ...view, state, detail: (error as Error).message + hint }]);
    }
  }

  get commandOpen(): boolean {
    return isOpen(this.lastCommand);
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
    this.#commands = merged(this.#commands, record.commands.map(fromRecord));
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
    for (const answer of answers) this.series.replace(answer.series);
    if (answers[0]) this.#cursors.sawPoints(answers[0].cursor, answers[0].supervisor);
    for (const { stream, event } of this.#meanwhile ?? [])
      if (!this.#cursors.hasPoint(stream, event.seq)) this.series.append(event);
    this.#revision++;
  }

  #columns(names: string[], points: number): Promise<MetricsAnswer> {
    return this.#get<MetricsAnswer>('/metrics', { name: names, max_points: points });
  }

  async #loadSystem(): Promise<void> {
    const { samples } = await this.#get<SystemAnswer>('/system', { max_points: 2 });
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
      } else if (event.type === 'ack') {
        this.#commands = acknowledged(this.#commands, event);
        if (!this.#commands.some(view => view.id === event.command_id)) this.#refresh(false);
      } else if (event.type === 'hello') {
        this.#refresh(true);
      } else if (event.type === 'checkpoint' || event.type === 'process' || event.type === 'state') {
        this.#refresh(false);
      }
    }
    if (this.series.size > MOST_POINTS) this.#refresh(true);
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
