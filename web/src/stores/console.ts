/** A run's console.log on its way to the terminal. The queue is bounded: what the screen cannot follow is skipped, and said so. */
import { getBytes } from '../net/api';
import { Follower, type Piece } from '../terminal/follow';
import { frames } from './frames';

const FIRST_BYTES = 256 * 1024;
const LONGEST_QUEUE = 1024 * 1024;

export type Sink = (pieces: Piece[]) => void;

/** A place in the log: a byte of the file, or a step, whose lines begin near where the log stood when its numbers were written. */
export type LogPlace = { offset: number; step?: number } | { step: number; offset?: undefined };

export class ConsoleFeed {
  #follower = new Follower();
  #queue: Piece[] = [];
  #queued = 0;
  #sink: Sink | null = null;
  #loaded = false;
  #wish: LogPlace | null = null;
  #guide: ((place: LogPlace) => void) | null = null;

  constructor(readonly runId: string) {}

  /** Offset of the next byte to ask the socket for. */
  get cursor(): number {
    return this.#follower.next;
  }

  /** Show the end of the log, once however often the page is opened anew; the socket goes on from `cursor`. */
  async load(signal: AbortSignal): Promise<void> {
    if (this.#loaded) return;
    const path = `runs/${encodeURIComponent(this.runId)}/console`;
    const { data, offset } = await getBytes(path, { offset: -FIRST_BYTES, limit: FIRST_BYTES }, signal);
    if (this.#loaded) return;
    this.#loaded = true;
    this.#push(this.#follower.begin(data, offset));
  }

  take(message: { offset: number; length: number; text: string }): void {
    this.#push(this.#follower.take(message.offset, message.length, message.text));
  }

  /** Give everything, from now on, to `sink`; returns what undoes it. */
  attach(sink: Sink): () => void {
    this.#sink = sink;
    frames.request(this.#flush);
    return () => {
      if (this.#sink === sink) this.#sink = null;
    };
  }

  /** Take the reader to a place in the log, however far back: a chart's point, a hit, a bookmark. */
  show(place: LogPlace): void {
    if (this.#guide) this.#guide(place);
    else this.#wish = place;
  }

  /** Who can take the reader there; a wish from before is fulfilled at once. Returns what undoes it. */
  guide(guide: (place: LogPlace) => void): () => void {
    this.#guide = guide;
    if (this.#wish) guide(this.#wish);
    this.#wish = null;
    return () => {
      if (this.#guide === guide) this.#guide = null;
    };
  }

  #push(pieces: Piece[]): void {
    for (const piece of pieces) {
      this.#queue.push(piece);
      this.#queued += size(piece);
    }
    while (this.#queued > LONGEST_QUEUE && this.#queue.length > 1) this.#skipOldest();
    if (this.#sink && this.#queue.length) frames.request(this.#flush);
  }

  #skipOldest(): void {
    const [first, second] = this.#queue.splice(0, 2) as [Piece, Piece];
    this.#queue.unshift({ skipped: skippedBytes(first) + skippedBytes(second) });
    this.#queued -= size(first) + size(second);
  }

  #flush = (): void => {
    if (!this.#sink || !this.#queue.length) return;
    const pieces = this.#queue;
    this.#queue = [];
    this.#queued = 0;
    this.#sink(pieces);
  };
}

function size(piece: Piece): number {
  return 'text' in piece ? piece.text.length : 0;
}

function skippedBytes(piece: Piece): number {
  return 'text' in piece ? new TextEncoder().encode(piece.text).length : piece.skipped;
}
