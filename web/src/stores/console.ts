/** A run's console.log on its way to the terminal. The queue is bounded: what the screen cannot follow is skipped, and said so. Upstream: HTTP, the socket. Downstream: the reader of a log. */
import { getBytes } from '../net/api';
import { cut, Follower, type Piece } from '../terminal/follow';
import { frames } from './frames';

const FIRST_BYTES = 256 * 1024;
const LONGEST_QUEUE = 1024 * 1024;
/** No more than this is handed over at once: it is composed and drawn within a frame. */
const MOST_AT_ONCE = 96 * 1024;

/** Takes pieces, and says when they are drawn: until then the next ones wait in the queue. */
export type Sink = (pieces: Piece[], done: () => void) => void;

/** A part of the file in whole lines (as far as they fit), from byte `from` to byte `to` of `total`. */
export interface Part {
  pieces: Piece[];
  from: number;
  to: number;
  total: number;
}

/** A place in the log: a byte of the file, or a step, whose lines begin near where the log stood when its numbers were written. */
export type LogPlace = { offset: number; step?: number } | { step: number; offset?: undefined };

/** The place that a point of a course was written at; null where neither byte nor step is known. */
export function placeOfPoint({ offset, step }: { offset: number; step: number }): LogPlace | null {
  const known = Number.isNaN(step) ? null : { step };
  return Number.isNaN(offset) ? known : { offset, ...known };
}

export class ConsoleFeed {
  #follower = new Follower();
  #queue: Piece[] = [];
  #queued = 0;
  #sink: Sink | null = null;
  #loaded = false;
  #waiting = false;
  /** Messages that came while the end of the log was fetched again. */
  #meanwhile: { offset: number; length: number; text: string }[] | null = null;
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
    const { data, offset } = await this.#fetch(-FIRST_BYTES, FIRST_BYTES, signal);
    if (this.#loaded) return;
    this.#loaded = true;
    this.#push(this.#follower.begin(data, offset));
  }

  /** The end of the log anew, in place of all that waits; what comes from now on follows it without gap or repetition. */
  async again(): Promise<Piece[]> {
    this.#meanwhile ??= [];
    try {
      const { data, offset } = await this.#fetch(-FIRST_BYTES, FIRST_BYTES);
      this.#follower = new Follower();
      this.#queue = [];
      this.#queued = 0;
      return this.#follower.begin(data, offset);
    } finally {
      const messages = this.#meanwhile;
      this.#meanwhile = null;
      for (const message of messages) this.take(message);
    }
  }

  /** Whole lines of the file from about byte `from` on. */
  async part(from: number, limit: number): Promise<Part> {
    const begin = Math.max(0, from);
    const { data, offset, total } = await this.#fetch(begin, limit);
    let first = 0;
    // Where a line is longer than all that was fetched, a part of it is better than nothing.
    if (offset > 0) first = data.indexOf(0x0a) + 1;
    const last = offset + data.length < total ? data.lastIndexOf(0x0a) + 1 : data.length;
    const end = last > first ? last : data.length;
    const pieces = cut(new TextDecoder(), data.subarray(first, end), offset + first);
    return { pieces, from: offset + first, to: offset + end, total };
  }

  #fetch(offset: number, limit: number, signal?: AbortSignal): ReturnType<typeof getBytes> {
    return getBytes(`runs/${encodeURIComponent(this.runId)}/console`, { offset, limit }, signal);
  }

  take(message: { offset: number; length: number; text: string }): void {
    if (this.#meanwhile) {
      this.#meanwhile.push(message);
      return;
    }
    this.#push(this.#follower.take(message.offset, message.length, message.text));
  }

  /** Give everything, from now on, to `sink`; returns what undoes it. */
  attach(sink: Sink): () => void {
    this.#sink = sink;
    this.#waiting = false;
    frames.request(this.#flush);
    return () => {
      if (this.#sink === sink) this.#sink = null;
    };
  }

  /** Take the reader to a place in the log, however far back: a chart's point, a hit, a bookmark. */
  show(place: LogPlace | null): void {
    if (!place) return;
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
    if (!this.#sink || !this.#queue.length) return;
    // The terminal draws once a frame by itself: text that waits for a frame here would be seen a frame later.
    if (document.hidden) frames.request(this.#flush);
    else this.#flush();
  }

  #skipOldest(): void {
    const [first, second] = this.#queue.splice(0, 2) as [Piece, Piece];
    this.#queue.unshift({ skipped: skippedBytes(first) + skippedBytes(second) });
    this.#queued -= size(first) + size(second);
  }

  #flush = (): void => {
    const sink = this.#sink;
    if (!sink || this.#waiting || !this.#queue.length) return;
    let count = 0;
    for (let taken = 0; count < this.#queue.length && taken < MOST_AT_ONCE; count++)
      taken += size(this.#queue[count]!);
    const pieces = this.#queue.splice(0, count);
    for (const piece of pieces) this.#queued -= size(piece);
    this.#waiting = true;
    sink(pieces, () => {
      if (this.#sink !== sink) return;
      this.#waiting = false;
      if (this.#queue.length) frames.request(this.#flush);
    });
  };
}

function size(piece: Piece): number {
  return 'text' in piece ? piece.text.length : 0;
}

function skippedBytes(piece: Piece): number {
  return 'text' in piece ? piece.length : piece.skipped;
}
