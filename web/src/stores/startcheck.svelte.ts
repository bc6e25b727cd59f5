/** Whether the choice of the start form can start, asked when it has settled. Upstream: POST /runs/check. Downstream: the start form. */
import { post } from '../net/api';
import type { CheckAnswer, CheckFinding, StartRequest } from '../wire/generated';

const SETTLED_MS = 400;

export class StartCheck {
  #answer = $state.raw<CheckAnswer | null>(null);
  #looking = $state(false);
  #timer: ReturnType<typeof setTimeout> | undefined;
  #abort: AbortController | null = null;

  get findings(): readonly CheckFinding[] {
    return this.#answer?.findings ?? [];
  }

  /** Where it would wait in the queue, from 1; 0 starts at once, null is not known. */
  get place(): number | null {
    return this.#answer?.place ?? null;
  }

  get looking(): boolean {
    return this.#looking;
  }

  /** Something was found that keeps it from starting. */
  get refused(): boolean {
    return this.#answer !== null && !this.#answer.possible;
  }

  /** Another choice: what was found of the one before says nothing of it. null is none yet. */
  ask(request: StartRequest | null): void {
    clearTimeout(this.#timer);
    this.#abort?.abort();
    this.#looking = false;
    this.#answer = null;
    if (request) this.#timer = setTimeout(() => void this.#look(request), SETTLED_MS);
  }

  async #look(request: StartRequest): Promise<void> {
    const abort = (this.#abort = new AbortController());
    this.#looking = true;
    try {
      const answer = await post<CheckAnswer>('runs/check', request, abort.signal);
      if (!abort.signal.aborted) this.#answer = answer;
    } catch {
      // The start itself says what is wrong, should it be asked for.
    } finally {
      if (!abort.signal.aborted) this.#looking = false;
    }
  }
}
