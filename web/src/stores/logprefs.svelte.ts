/** How this browser likes its log: height, folded, for screen readers. Upstream: this browser. Downstream: the stream panel, settings. */
import { keep, keptFields } from '../kept';

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
    const { height, folded, screenReader } = keptFields(STORED);
    this.#now = {
      height: typeof height === 'number' ? within(height) : null,
      folded: folded === true,
      screenReader: screenReader === true,
    };
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
    keep(STORED, this.#now);
  }
}

function within(height: number): number {
  return Math.round(Math.min(MOST_HEIGHT, Math.max(LEAST_HEIGHT, height)));
}

export const logPrefs = new LogPrefs();
