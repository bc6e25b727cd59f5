/** What lies over any page: the command palette, the list of shortcuts, the settings, or a file to watch. Upstream: keys, buttons. Downstream: the overlays. */

export type Over = 'palette' | 'help' | 'settings' | 'attach' | 'command';

class Overlay {
  #shown = $state<Over | null>(null);

  get shown(): Over | null {
    return this.#shown;
  }

  /** What the text command begins with, where it was typed or pasted elsewhere. */
  text = '';

  open(over: Over, text = ''): void {
    this.text = text;
    this.#shown = over;
  }

  close(): void {
    this.#shown = null;
  }
}

export const overlay = new Overlay();
