/** How the learning rate would go on with another peak, as the server computes it. Upstream: a typed value. Downstream: the adjust dialog. */
import { get } from '../net/api';
import type { ScheduleCourse } from '../wire/generated';

const SETTLED_MS = 200;

export class RateCourse {
  #course = $state.raw<ScheduleCourse | null>(null);
  #timer: number | null = null;
  #abort: AbortController | null = null;

  constructor(readonly runId: string) {}

  get course(): ScheduleCourse | null {
    return this.#course;
  }

  /** Ask for `rate` (null: as it is), once the typing has settled. */
  ask(rate: number | null): void {
    this.close();
    this.#timer = window.setTimeout(() => void this.#ask(rate), this.#course === null ? 0 : SETTLED_MS);
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#abort?.abort();
  }

  async #ask(rate: number | null): Promise<void> {
    const abort = (this.#abort = new AbortController());
    try {
      const path = `runs/${encodeURIComponent(this.runId)}/schedule`;
      this.#course = await get<ScheduleCourse>(path, { learning_rate: rate }, abort.signal);
    } catch {
      // A value that is refused is told beside its field; what is drawn stays.
    }
  }
}
