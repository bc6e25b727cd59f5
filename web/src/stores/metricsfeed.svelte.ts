/** The numbers of one run: what the page opens with first, everything else behind it, then what comes. Upstream: HTTP, `metrics` events. Downstream: charts, panels. */
import { get } from '../net/api';
import type { LatestAnswer, MetricNames, Metrics, MetricsAnswer, RunSummary } from '../wire/generated';
import { FIRST, POINTS, type FirstLook } from './firstlook';
import { frames } from './frames';
import { RECENT_SECONDS } from './recent';
import { coursesOf, rewoundOf, type CloseUp } from './series';
import { isCharted, SeriesBook } from './seriesbook';
import { firstFrom } from './thin';

/** Of the courses behind the first ones, the few points of evaluations come before the others. */
const EVALUATION = /^(eval|test)\//;
const NAMES_PER_REQUEST = 6;
/** Of the last minutes of a rate, for averages and peaks are of all values. */
const RECENT_POINTS = 50_000;

export class MetricsFeed {
  readonly series = new SeriesBook();
  #revision = $state(0);
  #names: string[] = [];

  constructor(
    readonly runId: string,
    private readonly signal: AbortSignal,
    /** What the run's summary tells, once it is known. */
    private readonly facts: () => Pick<RunSummary, 'attempt' | 'instrumented'> | null,
  ) {}

  /** Counts the changes of `series`, at most one a frame: read it to paint again. */
  get revision(): number {
    return this.#revision;
  }

  append(event: Metrics): void {
    this.series.append(event);
    frames.request(this.#paint);
  }

  close(): void {
    frames.cancel(this.#paint);
  }

  /** Take what was asked for ahead, and what belongs to it; returns the events of both streams that it knows. */
  async open(look: FirstLook): Promise<{ events: number; supervisor: number }> {
    const [{ names }, courses] = await Promise.all([look.names, look.courses]);
    this.#names = names;
    this.#takeCourses(courses, this.#first);
    await Promise.all([this.#loadLatest(), this.#loadRates()]);
    return { events: courses.cursor, supervisor: courses.supervisor };
  }

  /** All of it anew. */
  async again(): Promise<void> {
    const { names } = await this.#get<MetricNames>('/names');
    this.#names = names;
    await Promise.all([this.#loadLatest(), this.#loadCourses(this.#first)]);
    await this.#loadRates();
    await this.loadOthers();
  }

  get #first(): string[] {
    return FIRST.filter(name => this.#names.includes(name));
  }

  /** The other courses, a few names at a time, so that nothing that was asked meanwhile has to wait for all of them. */
  async loadOthers(): Promise<void> {
    const first = this.#first;
    const others = this.#names
      .filter(name => !first.includes(name) && (isCharted(name) || this.series.isWanted(name)))
      .sort((a, b) => Number(EVALUATION.test(b)) - Number(EVALUATION.test(a)));
    for (let i = 0; i < others.length; i += NAMES_PER_REQUEST)
      await this.#loadCourses(others.slice(i, i + NAMES_PER_REQUEST));
  }

  async #loadLatest(): Promise<void> {
    const answer = await this.#get<LatestAnswer>('/latest');
    this.series.replaceLatest(answer.values, this.#known(answer));
    this.#revision++;
  }

  async #loadCourses(names: string[]): Promise<void> {
    if (!names.length) return;
    const superseded = (this.facts()?.attempt ?? 1) > 1;
    const answer = await this.#get<MetricsAnswer>('', {
      name: names,
      max_points: POINTS,
      superseded,
    });
    this.#takeCourses(answer, names);
  }

  #takeCourses(answer: MetricsAnswer, names: readonly string[]): void {
    const columns = Object.fromEntries(names.map(name => [name, answer.series[name]!]));
    this.series.replace(columns, this.#known(answer));
    this.series.replaceSuperseded(answer.superseded ?? {}, names);
    this.#revision++;
  }

  async #loadRates(): Promise<void> {
    await Promise.all(
      this.#names.filter(name => name.endsWith('_per_second')).map(name => this.#loadRecent(name)),
    );
  }

  /** The last minutes of a rate in full, where its course over the whole run is thinner than that. */
  async #loadRecent(name: string): Promise<void> {
    const series = this.series.get(name);
    if (!series?.thinned) return;
    const begin = firstFrom(series.times, series.lastTime! - RECENT_SECONDS);
    const from_step = series.steps[Math.max(0, begin - 1)];
    if (from_step === undefined || Number.isNaN(from_step)) return;
    const answer = await this.#get<MetricsAnswer>('', { name, max_points: RECENT_POINTS, from_step });
    this.series.replaceRecent(name, answer.series[name]!, this.#known(answer));
  }

  /** The last event of the stream that this run's numbers come from. */
  #known(answer: { cursor: number; supervisor: number }): number {
    return this.facts()?.instrumented ? answer.cursor : answer.supervisor;
  }

  /** Keep the courses of these names too, whatever they are; those that are not there yet come. */
  async want(names: readonly string[]): Promise<void> {
    const missing = names.filter(name => !this.series.get(name));
    for (const name of names) this.series.want(name);
    for (let i = 0; i < missing.length; i += NAMES_PER_REQUEST)
      await this.#loadCourses(missing.slice(i, i + NAMES_PER_REQUEST));
  }

  /** The courses of these names as the server has them now; what came after its answer stays. */
  async reload(names: readonly string[]): Promise<void> {
    for (const name of names) this.series.want(name);
    for (let i = 0; i < names.length; i += NAMES_PER_REQUEST)
      await this.#loadCourses(names.slice(i, i + NAMES_PER_REQUEST));
  }

  /** Every metric that the run has, in the order of their names. */
  get names(): string[] {
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
      this.#path(''),
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

  #path(rest: string): string {
    return `runs/${encodeURIComponent(this.runId)}/metrics${rest}`;
  }

  #get<T>(rest: string, query: Parameters<typeof get>[1] = {}): Promise<T> {
    return get<T>(this.#path(rest), query, this.signal);
  }

  #paint = (): void => {
    this.#revision++;
  };
}
