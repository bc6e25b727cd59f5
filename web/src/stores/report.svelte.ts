/** The report of a run's last attempt; it is written a moment after the end. Upstream: HTTP. Downstream: the summary dialog. */
import { ApiError, get } from '../net/api';
import type { AlertRecord } from '../wire/generated';

interface Course {
  first: number | string;
  last: number | string;
  best: { value: number; step: number | null; epoch: number | null } | null;
}

/** report.json, as far as the dialog shows it. */
export interface Report {
  attempt: number;
  state: string;
  evidence: string | null;
  message: string | null;
  duration_s: number | null;
  finished_at: number | null;
  epochs_completed: number | null;
  total_epochs: number | null;
  last_step: number | null;
  train_loss: Course | null;
  eval_loss: Course | null;
  tokens_per_second: { mean: number; peak: number } | null;
  checkpoints: { step: number; kind: string; bytes?: number; failed?: string }[];
  alerts: { level: string; code: string; message: string; data?: AlertRecord['data'] }[];
}

const AGAIN_MS = 400;
const TRIES = 50;

export class ReportStore {
  #report = $state.raw<Report | null>(null);
  #problem = $state.raw<Error | null>(null);
  #abort = new AbortController();

  constructor(readonly runId: string) {}

  get report(): Report | null {
    return this.#report;
  }

  get problem(): Error | null {
    return this.#problem;
  }

  /** Wait for the report of `attempt`: until then there is none, or an earlier one's. */
  async load(attempt: number): Promise<void> {
    for (let tried = 0; tried < TRIES && !this.#abort.signal.aborted; tried++) {
      try {
        const found = await get<Report>(
          `runs/${encodeURIComponent(this.runId)}/report`,
          {},
          this.#abort.signal,
        );
        if (found.attempt >= attempt) {
          this.#report = found;
          return;
        }
      } catch (error) {
        if (this.#abort.signal.aborted) return;
        if (!(error instanceof ApiError && error.status === 404)) {
          this.#problem = error as Error;
          return;
        }
        if (tried === TRIES - 1) this.#problem = error;
      }
      await new Promise(resolve => setTimeout(resolve, AGAIN_MS));
    }
  }

  close(): void {
    this.#abort.abort();
  }
}
