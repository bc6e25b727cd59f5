/** What can be done on the page that is open now. Upstream: panels, which bring their actions. Downstream: shortcuts, palette, help. */
import { SvelteMap } from 'svelte/reactivity';
import type { BoundId } from './keys';

export interface Action {
  /** One of the bound ones, or a name of its own (`page.runs`) for the palette alone. */
  id: BoundId | `${string}.${string}`;
  label: () => string;
  /** Why it cannot be done now; empty when it can. */
  reason?: () => string;
  /** It ends or changes something: the palette says so, and its own dialog asks first. */
  dangerous?: boolean;
  run: () => unknown;
}

class Registry {
  #byId = new SvelteMap<string, Action>();

  /** Bring actions for as long as the panel is there; the returned function takes them back. */
  register(actions: readonly Action[]): () => void {
    for (const action of actions) this.#byId.set(action.id, action);
    return () => {
      for (const action of actions) if (this.#byId.get(action.id) === action) this.#byId.delete(action.id);
    };
  }

  get all(): Action[] {
    return [...this.#byId.values()];
  }

  get(id: Action['id']): Action | undefined {
    return this.#byId.get(id);
  }

  /** Do it, unless there is a reason against it; false when nothing was done. */
  perform(id: Action['id']): boolean {
    const action = this.#byId.get(id);
    if (!action || action.reason?.()) return false;
    void action.run();
    return true;
  }
}

export const actions = new Registry();
