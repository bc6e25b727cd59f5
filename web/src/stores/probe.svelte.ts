/** A probe of the start form's choice, from its button to its result. Upstream: POST /runs/probe. Downstream: the start form. */
import { erase, get, post } from '../net/api';
import type { ProbeAnswer, StartRequest } from '../wire/generated';

const LOOK_MS = 400;

export class ProbeStore {
  #answer = $state.raw<ProbeAnswer | null>(null);
  #problem = $state.raw<Error | null>(null);
  #asking = $state(false);
  #asked = '';
  #timer: ReturnType<typeof setTimeout> | undefined;

  get answer(): ProbeAnswer | null {
    return this.#answer;
  }

  get problem(): Error | null {
    return this.#problem;
  }

  get going(): boolean {
    const state = this.#answer?.state;
    return this.#asking || state === 'preparing' || state === 'running';
  }

  async start(request: StartRequest): Promise<void> {
    if (this.going) return;
    this.#asking = true;
    this.#problem = this.#answer = null;
    this.#asked = JSON.stringify(request);
    try {
      this.#take(await post<ProbeAnswer>('runs/probe', request));
    } catch (error) {
      this.#problem = error as Error;
    } finally {
      this.#asking = false;
    }
  }

  async cancel(): Promise<void> {
    if (!this.#answer) return;
    clearTimeout(this.#timer);
    try {
      this.#take(await erase<ProbeAnswer>(place(this.#answer)));
    } catch (error) {
      this.#problem = error as Error;
    }
  }

  /** Another choice: what was measured of the one before says nothing of it. */
  chose(request: StartRequest | null): void {
    if (this.going || JSON.stringify(request) === this.#asked) return;
    this.#answer = this.#problem = null;
    this.#asked = '';
  }

  /** The form is left: a probe that goes on is measured for nobody. */
  close(): void {
    clearTimeout(this.#timer);
    if (this.going) void this.cancel();
  }

  #take(answer: ProbeAnswer): void {
    this.#answer = answer;
    clearTimeout(this.#timer);
    if (this.going || answer.state === 'preparing' || answer.state === 'running')
      this.#timer = setTimeout(() => void this.#look(answer), LOOK_MS);
  }

  async #look(of: ProbeAnswer): Promise<void> {
    try {
      const answer = await get<ProbeAnswer>(place(of));
      if (this.#answer?.probe_id === of.probe_id) this.#take(answer);
    } catch (error) {
      if (this.#answer?.probe_id !== of.probe_id) return;
      this.#problem = error as Error;
      this.#answer = null;
    }
  }
}

function place(answer: ProbeAnswer): string {
  return `runs/probe/${encodeURIComponent(answer.probe_id)}`;
}
