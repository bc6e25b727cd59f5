/** Who waits for the machine. Upstream: GET /queue, asked again when a run's state changes. Downstream: the queue's panel. */
import { get, patch, remove } from '../net/api';
import { Newest } from '../net/newest';
import type { QueueAnswer, Waiting } from '../wire/generated';

const POLL_MS = 5000;

export class QueueStore {
  #answer = $state.raw<QueueAnswer | null>(null);
  #problem = $state.raw<Error | null>(null);
  #answers = new Newest();
  #timer: ReturnType<typeof setInterval> | undefined;

  get waiting(): readonly Waiting[] {
    return this.#answer?.waiting ?? [];
  }

  get problem(): Error | null {
    return this.#problem;
  }

  open(): void {
    // Another window may have changed the order, and estimates move.
    this.#timer = setInterval(() => {
      if (this.waiting.length) void this.look();
    }, POLL_MS);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async look(): Promise<void> {
    try {
      const asked = this.#answers.ask();
      const answer = await get<QueueAnswer>('queue');
      if (asked.isNews()) this.#answer = answer;
    } catch {
      // The banner tells of a lost connection; what was known stays.
    }
  }

  move(run: Waiting, by: number): Promise<void> {
    return this.#change(() =>
      patch(`queue/${encodeURIComponent(run.run_id)}`, { position: run.position + by }),
    );
  }

  cancel(run: Waiting): Promise<void> {
    return this.#change(() => remove(`queue/${encodeURIComponent(run.run_id)}`));
  }

  async #change(send: () => Promise<unknown>): Promise<void> {
    this.#problem = null;
    try {
      await send();
    } catch (error) {
      this.#problem = error as Error;
    }
    await this.look();
  }
}
