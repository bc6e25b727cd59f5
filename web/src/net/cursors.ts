/** How far each stream of a run was seen, so that a resumed socket neither misses nor doubles anything. */
import type { Cursors } from '../wire/generated';

export type StreamName = 'trainer' | 'supervisor';

const FIELD = { trainer: 'events', supervisor: 'supervisor' } as const;

export class CursorBook {
  #seen = { events: -1, supervisor: -1, console: 0 };
  /** Points that an HTTP answer held already, although the socket was asked from an earlier event on. */
  #points = { events: -1, supervisor: -1 };

  /** What an answer over HTTP included. Cursors never go back. */
  saw(cursors: Cursors): void {
    this.#seen = {
      events: Math.max(this.#seen.events, cursors.events ?? -1),
      supervisor: Math.max(this.#seen.supervisor, cursors.supervisor ?? -1),
      console: Math.max(this.#seen.console, cursors.console ?? 0),
    };
  }

  /** A metrics answer held the points up to these events of the trainer and the supervisor. */
  sawPoints(trainer: number, supervisor: number): void {
    this.#points = {
      events: Math.max(this.#points.events, trainer),
      supervisor: Math.max(this.#points.supervisor, supervisor),
    };
  }

  /** Whether an answer held this point already. */
  hasPoint(stream: StreamName, seq: number): boolean {
    return seq <= this.#points[FIELD[stream]];
  }

  /** The events not seen before, in order; marks them as seen. */
  fresh<E extends { seq: number; type: string }>(stream: StreamName, events: readonly E[]): E[] {
    const field = FIELD[stream];
    const kept: E[] = [];
    for (const event of events) {
      if (event.seq <= this.#seen[field]) continue;
      this.#seen[field] = event.seq;
      if (event.type === 'metrics' && this.hasPoint(stream, event.seq)) continue;
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
