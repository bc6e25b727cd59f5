/** The configuration of a run, read again when it changed. Upstream: GET /runs/{id}/config. Downstream: ConfigPanel, ProgressPanel. */
import { get } from '../net/api';
import type { ConfigAnswer } from '../wire/generated';
import type { RunStore } from './run.svelte';

export class ConfigStore {
  #answer = $state.raw<ConfigAnswer | null>(null);
  #problem = $state.raw<Error | null>(null);
  #asked = 0;
  /** What must change before it is worth reading again: the attempt, the file, what was set live, what the trainer told. */
  readonly cause = $derived.by(() => {
    const { summary, record } = this.run;
    if (!summary || !record) return null;
    const told = [record.model?.name, record.world_size, Object.keys(record.adjustable).length];
    return [summary.attempt, summary.config_modified, record.hyperparameters.length, ...told].join('|');
  });

  constructor(readonly run: RunStore) {}

  get answer(): ConfigAnswer | null {
    return this.#answer;
  }

  get problem(): Error | null {
    return this.#problem;
  }

  async load(): Promise<void> {
    const asked = ++this.#asked;
    try {
      const answer = await get<ConfigAnswer>(`runs/${encodeURIComponent(this.run.id)}/config`);
      if (asked !== this.#asked) return;
      this.#answer = answer;
      this.#problem = null;
    } catch (error) {
      if (asked === this.#asked) this.#problem = error as Error;
    }
  }
}
