/** How far each stream of a run was seen, so that a resumed socket neither misses nor doubles anything. Upstream: what was heard. Downstream: the run store. */
import type { Cursors } from '../wire/generated';

export type StreamName = 'trainer' | 'supervisor';

const FIELD = { trainer: 'events', supervisor: 'supervisor' } as const;

export class CursorBook {
  #seen = { events: -1, supervisor: -1, console: 0 };

  /** What an answer over HTTP included. Cursors never go back. */
  saw(cursors: Cursors): void {
    this.#seen = {
      events: Math.max(this.#seen.events, cursors.events ?? -1),
      supervisor: Math.max(this.#seen.supervisor, cursors.supervisor ?? -1),
      console: Math.max(this.#seen.console, cursors.console ?? 0),
    };
  }

  /** The events not seen before, in order; marks them as seen. */
  fresh<E extends { seq: number }>(stream: StreamName, events: readonly E[]): E[] {
    const field = FIELD[stream];
    const kept: E[] = [];
    for (const event of events) {
      if (event.seq <= this.#seen[field]) continue;
      this.#seen[field] = event.seq;
      kept.push(event);
    }
    return kept;
  }

  sawConsole(end: number): void {
    this.#seen.console = Math.max(this.#seen.console, end);
  }

  get now(): Required<Cursors> {
    return { ...this.#seen };
  }
}
