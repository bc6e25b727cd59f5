/** Every alert of every run, on every page. Upstream: HTTP once, then the topic `alerts`. Downstream: bell, toasts, charts, ringer. */
import { isUrgent } from '../alertwords';
import { get, post } from '../net/api';
import { Newest, type Asked } from '../net/newest';
import type { AlertRecord, AlertsAnswer, RunList, ServerMessage } from '../wire/generated';
import { clock } from './clock.svelte';
import { frames } from './frames';
import { live } from './live.svelte';
import { ringer } from './ringer';
import { Toasts } from './toasts.svelte';

const MOST = 500;
const NAMES = 200;

export class AlertsStore {
  readonly toasts = new Toasts();

  #all = $state.raw<AlertRecord[]>([]);
  #loaded = $state(false);
  #problem = $state.raw<Error | null>(null);
  #listed = $state(false);
  #names = $state.raw<Readonly<Record<string, string>>>({});
  /** What waits for somebody: notices do not. */
  readonly unacknowledged = $derived(this.#all.filter(waits));

  // Plain on purpose: `#all` is what is shown, made from this at most once a frame.
  // eslint-disable-next-line svelte/prefer-svelte-reactivity
  #known = new Map<string, AlertRecord>();
  /** Unix seconds when the page began to watch: what an answer brings from before is not news. */
  #since = Infinity;
  #answers = new Newest();
  #again: ReturnType<typeof setTimeout> | null = null;
  /** The list is to be read with the next pong: the first of a connection, or one after an answer that did not come. */
  #unread = false;

  /** The newest first. */
  get all(): readonly AlertRecord[] {
    return this.#all;
  }

  get loaded(): boolean {
    return this.#loaded;
  }

  get problem(): Error | null {
    return this.#problem;
  }

  /** Whether the list is open. */
  get listed(): boolean {
    return this.#listed;
  }

  list(open: boolean): void {
    this.#listed = open;
  }

  start(): void {
    live.hearEverywhere('alerts', message => this.#take(message));
    ringer.start();
  }

  /** Those of one run, the newest first: what a chart marks. */
  ofRun(id: string): AlertRecord[] {
    return this.#all.filter(alert => alert.run_id === id);
  }

  get(id: string): AlertRecord | undefined {
    return this.#all.find(alert => alert.id === id);
  }

  /** A run's name as far as it is known here, else its id. */
  nameOf(runId: string): string {
    return this.#names[runId] ?? runId;
  }

  /** Read everything there is: at the start, after each reconnect, and when something was skipped. */
  async load(): Promise<void> {
    const asked = this.#answers.ask();
    try {
      const answer = await get<AlertsAnswer>('alerts', { limit: MOST });
      if (asked.isNews()) this.#read(answer, asked);
      this.#problem = null;
      this.#loaded = true;
      if (this.#since === Infinity) this.#since = clock.exact();
    } catch (error) {
      this.#problem = error as Error;
      this.#unread = true;
    }
    await this.#loadNames();
  }

  /** It is true only when the server has it in its book; throws what it says instead. */
  async acknowledge(id: string): Promise<void> {
    this.#told(await post<AlertRecord>(`alerts/${encodeURIComponent(id)}/ack`, {}));
  }

  /** One after another: each is a line in the server's book. */
  async acknowledgeAll(alerts: readonly AlertRecord[]): Promise<void> {
    for (const alert of alerts) if (waits(alert)) await this.acknowledge(alert.id);
  }

  /** A run that ended before the server began is judged when it is looked at: its page asks for its alerts. */
  async loadRun(id: string): Promise<void> {
    try {
      const asked = this.#answers.ask();
      this.#read(await get<AlertsAnswer>('alerts', { run_id: id, limit: MOST }), asked);
    } catch {
      // The list has what it has; a run that is not there is said by its page.
    }
  }

  #read({ alerts }: AlertsAnswer, { isOld }: Asked): void {
    for (const alert of alerts.toReversed())
      if (!isOld(alert.id)) this.#hear(alert, alert.began_at >= this.#since);
  }

  #take(message: ServerMessage): void {
    if (message.type === 'alert') this.#told(message.alert);
    else if (message.type === 'hello') this.#unread = true;
    else if (message.type === 'pong' && this.#unread) {
      // The topic has no cursor: what was missed is read, once the server has heard that we listen.
      this.#unread = false;
      void this.load();
    } else if (message.type === 'gap' && 'alerts' in message.skipped) {
      // One for each run that it skipped, all at once.
      if (this.#again === null)
        this.#again = setTimeout(() => {
          this.#again = null;
          void this.load();
        }, 100);
    }
  }

  #told(alert: AlertRecord): void {
    this.#answers.hear(alert.id);
    this.#hear(alert, true);
  }

  #hear(alert: AlertRecord, isNews: boolean): void {
    const isKnown = this.#known.has(alert.id);
    this.#known.set(alert.id, alert);
    frames.request(this.#paint);
    if (!isKnown && isNews) void this.#tell(alert);
    else this.toasts.update(alert);
  }

  /** Its name first: nobody is helped by an id. */
  async #tell(alert: AlertRecord): Promise<void> {
    if (!(alert.run_id in this.#names)) await this.#loadNames();
    // Acknowledged elsewhere meanwhile: the newest version counts.
    const now = this.#known.get(alert.id) ?? alert;
    this.toasts.show(now);
    if (now.acknowledged_at === null) ringer.ring(now, this.nameOf(now.run_id));
  }

  async #loadNames(): Promise<void> {
    const missing = [...this.#known.values()].some(alert => !(alert.run_id in this.#names));
    if (!missing) return;
    try {
      const { runs } = await get<RunList>('runs', { limit: NAMES });
      // A run that is long gone keeps its id; it is not asked for again.
      const unknown = [...this.#known.values()].map(({ run_id }) => [run_id, run_id]);
      const found = runs.map(run => [run.run_id, run.name]);
      this.#names = { ...Object.fromEntries(unknown), ...this.#names, ...Object.fromEntries(found) };
    } catch {
      // Ids are shown until the next alert asks again.
    }
  }

  #paint = (): void => {
    this.#all = [...this.#known.values()].sort((a, b) => b.began_at - a.began_at);
  };
}

/** Whether it waits for somebody to say that it was seen. */
export function waits(alert: AlertRecord): boolean {
  return isUrgent(alert) && alert.acknowledged_at === null;
}

export const alerts = new AlertsStore();
