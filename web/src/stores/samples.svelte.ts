/** The generated texts of one run: the newest at once, older ones when asked for. Upstream: HTTP, `samples` events. Downstream: the samples panel. */
import { keep, keptTexts } from '../kept';
import { get } from '../net/api';
import type { EventsAnswer, Samples } from '../wire/generated';
import { standing } from './samples';

/** Events looked through at a time, from the newest back. */
const WINDOW = 20_000;
const WINDOWS_A_CALL = 10;
const PINNED = 'gladius_pinned_prompts';
const MOST_PINNED = 100;

export class SamplesFeed {
  #events = $state.raw<Samples[]>([]);
  #from = $state(0);
  #reading = $state(false);
  #pinned = $state.raw<string[]>(keptTexts(PINNED));

  constructor(readonly runId: string) {}

  /** Oldest first. */
  get events(): readonly Samples[] {
    return this.#events;
  }

  /** Whether everything there is has been read. */
  get complete(): boolean {
    return this.#from <= 0;
  }

  get reading(): boolean {
    return this.#reading;
  }

  get pinned(): readonly string[] {
    return this.#pinned;
  }

  pin(prompt: string): void {
    const without = this.#pinned.filter(one => one !== prompt);
    this.#pinned = without.length === this.#pinned.length ? [prompt, ...without] : without;
    keep(PINNED, this.#pinned.slice(0, MOST_PINNED));
  }

  take(event: Samples): void {
    this.#events = standing([...this.#events, event]);
  }

  /** Begin with what lies within one window before `cursor`, the last event of the run. */
  async load(cursor: number, signal: AbortSignal): Promise<void> {
    this.#from = cursor + 1;
    await this.#read(signal, 1);
  }

  /** Go further back until there is something. */
  async older(signal: AbortSignal): Promise<void> {
    await this.#read(signal, WINDOWS_A_CALL);
  }

  async #read(signal: AbortSignal, windows: number): Promise<void> {
    if (this.#reading) return;
    this.#reading = true;
    try {
      for (let i = 0; i < windows && this.#from > 0; i++) {
        const from = Math.max(0, this.#from - WINDOW);
        const found = await this.#window(from, this.#from, signal);
        this.#from = from;
        if (found.length) {
          this.#events = standing([...found, ...this.#events]);
          break;
        }
      }
    } catch {
      // Texts are a help, not the run: the next event brings them, or the next press.
    } finally {
      this.#reading = false;
    }
  }

  async #window(from: number, until: number, signal: AbortSignal): Promise<Samples[]> {
    const query = { type: 'samples', after_seq: from - 1, limit: 10_000 };
    const { events } = await get<EventsAnswer>(
      `runs/${encodeURIComponent(this.runId)}/events`,
      query,
      signal,
    );
    return (events as unknown as Samples[]).filter(event => event.seq < until);
  }
}
