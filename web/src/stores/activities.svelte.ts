/** The last things that happened, over all runs. Upstream: HTTP once, then the topic `activities`. Downstream: the overview. */
import { get } from '../net/api';
import { Newest } from '../net/newest';
import type { ActivitiesAnswer, Activity } from '../wire/generated';
import { newestOf } from './activities';
import { frames } from './frames';

export class ActivityFeed {
  #all = $state.raw<Activity[]>([]);
  #loaded = $state(false);
  // Plain on purpose: `#all` is what is shown, made from this at most once a frame.
  // eslint-disable-next-line svelte/prefer-svelte-reactivity
  #known = new Map<string, Activity>();
  #answers = new Newest();

  /** Newest first. */
  get all(): Activity[] {
    return this.#all;
  }

  get loaded(): boolean {
    return this.#loaded;
  }

  async load(signal: AbortSignal): Promise<void> {
    const asked = this.#answers.ask();
    try {
      const { activities } = await get<ActivitiesAnswer>('activities', {}, signal);
      if (!asked.isNews()) return;
      for (const one of activities)
        if (!asked.isOld(one.id) && !asked.isOld(one.run_id ?? '')) this.#known.set(one.id, one);
      this.#loaded = true;
      this.#paint();
    } catch {
      // The list of runs meets the same trouble and tells it; the next pong asks again.
    }
  }

  take(activity: Activity): void {
    this.#answers.hear(activity.id);
    this.#known.set(activity.id, activity);
    frames.request(this.#paint);
  }

  /** What is told of a run that went to the trash leads nowhere any more. */
  forget(runId: string): void {
    this.#answers.hear(runId);
    for (const [id, one] of this.#known) if (one.run_id === runId) this.#known.delete(id);
    frames.request(this.#paint);
  }

  close(): void {
    frames.cancel(this.#paint);
  }

  #paint = (): void => {
    this.#all = newestOf(this.#known);
  };
}
