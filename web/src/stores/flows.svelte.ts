/** Flows and their runs as the server has them, looked at each second while one runs. Upstream: HTTP. Downstream: the flows page. */
import { ApiError, get, post } from '../net/api';
import type { FlowInfo, FlowRun } from '../wire/generated';

const SHOWN = 20;
const SOON_MS = 1000;
const LATER_MS = 5000;

export class FlowsStore {
  #flows = $state.raw<FlowInfo[] | null>(null);
  #runs = $state.raw<FlowRun[] | null>(null);
  #problem = $state.raw<Error | null>(null);
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  /** `only`: the one run that is shown. */
  constructor(readonly only: string | undefined) {}

  get flows(): FlowInfo[] | null {
    return this.#flows;
  }

  get runs(): FlowRun[] | null {
    return this.#runs;
  }

  get problem(): Error | null {
    return this.#problem;
  }

  async open(): Promise<void> {
    this.#problem = null;
    await this.#look();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  /** Begin a run; it is shown first at once. */
  async run(flow: FlowInfo, args: Record<string, unknown>): Promise<FlowRun> {
    const begun = await post<FlowRun>(`flows/${encodeURIComponent(flow.id)}/runs`, { args });
    this.#take(begun);
    return begun;
  }

  async cancel(run: FlowRun): Promise<void> {
    this.#take(await post<FlowRun>(`${placeOf(run)}/cancel`, {}));
  }

  async retry(run: FlowRun): Promise<void> {
    this.#take(await post<FlowRun>(`${placeOf(run)}/retry`, {}));
  }

  #take(run: FlowRun): void {
    const others = (this.#runs ?? []).filter(one => one.flow_run_id !== run.flow_run_id);
    this.#runs = [run, ...others].sort((a, b) => (a.flow_run_id < b.flow_run_id ? 1 : -1));
    this.#again(SOON_MS);
  }

  async #look(): Promise<void> {
    try {
      if (this.only === undefined) {
        [this.#flows, this.#runs] = await Promise.all([
          get<FlowInfo[]>('flows'),
          get<FlowRun[]>('flow-runs', { limit: SHOWN }),
        ]);
      } else {
        this.#runs = [await get<FlowRun>(`flow-runs/${encodeURIComponent(this.only)}`)];
      }
      this.#problem = null;
    } catch (error) {
      this.#problem = error as Error;
      if (error instanceof ApiError && error.status === 404) return;
    }
    this.#again(this.#runs?.some(one => one.state === 'running') ? SOON_MS : LATER_MS);
  }

  #again(wait: number): void {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      if (document.hidden) this.#again(SOON_MS);
      else void this.#look();
    }, wait);
  }
}

export function placeOf(run: FlowRun): string {
  return `flow-runs/${encodeURIComponent(run.flow_run_id)}`;
}
