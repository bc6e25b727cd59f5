/** What lies over any page: the command palette the list of shortcuts, or the settings. Upstream: keys, buttons. Downstream: the overlays. */

export type Over = 'palette' | 'help' | 'settings';

class Overlay {
  #shown = $state<Over | null>(null);

  get shown(): Over | null {
    return this.#shown;
  }

  open(over: Over): void {
    this.#shown = over;
  }

  close(): void {
    this.#shown = null;
  }
}

export const overlay = new Overlay();
