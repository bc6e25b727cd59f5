/** A place of a run's page that somebody asked for from elsewhere. Upstream: links of alerts. Downstream: the run's page, once it is there. */
import type { Place } from '../alertwords';
import { router } from './router.svelte';

export interface Wanted {
  runId: string;
  place: Place;
  step: number | null;
}

class Places {
  #wanted = $state.raw<Wanted | null>(null);

  go(wanted: Wanted): void {
    const { route } = router;
    this.#wanted = wanted;
    if (route.page !== 'run' || route.id !== wanted.runId) router.go({ page: 'run', id: wanted.runId });
  }

  /** What is wanted on this run's page, until it is `found`. */
  of(runId: string): Wanted | null {
    return this.#wanted?.runId === runId ? this.#wanted : null;
  }

  found(): void {
    this.#wanted = null;
  }
}

export const places = new Places();
