/** How this browser likes its log: height, folded, for screen readers. Kept in localStorage. Downstream: the stream panel, settings. */

const STORED = 'gladius_log';
export const LEAST_HEIGHT = 120;
export const MOST_HEIGHT = 1600;

interface Stored {
  height: number | null;
  folded: boolean;
  screenReader: boolean;
}

class LogPrefs {
  #now = $state.raw<Stored>({ height: null, folded: false, screenReader: false });

  constructor() {
    try {
      const stored = JSON.parse(localStorage.getItem(STORED) ?? '{}') as Partial<Stored>;
      const height = typeof stored.height === 'number' ? within(stored.height) : null;
      this.#now = { height, folded: stored.folded === true, screenReader: stored.screenReader === true };
    } catch {
      // What cannot be read is as if it was never chosen.
    }
  }

  /** In pixels; null: as the screen's size suggests. */
  get height(): number | null {
    return this.#now.height;
  }

  get folded(): boolean {
    return this.#now.folded;
  }

  /** Lines are also kept as text that a screen reader speaks; it costs processor time. */
  get screenReader(): boolean {
    return this.#now.screenReader;
  }

  set(change: Partial<Stored>): void {
    this.#now = { ...this.#now, ...change };
    if (this.#now.height !== null) this.#now.height = within(this.#now.height);
    try {
      localStorage.setItem(STORED, JSON.stringify(this.#now));
    } catch {
      // It holds until the page is left.
    }
  }
}

function within(height: number): number {
  return Math.round(Math.min(MOST_HEIGHT, Math.max(LEAST_HEIGHT, height)));
}

export const logPrefs = new LogPrefs();
