/** Lines that a person marked, by their byte in the file: they survive a reload and any scrollback. Upstream: this browser. Downstream: the desk of a log. */
import { keep, kept } from '../kept';

export interface Bookmark {
  /** Byte at which the line begins. */
  offset: number;
  /** How the line looked, shortened. */
  text: string;
}

const PREFIX = 'gladius_bookmarks:';
const MOST = 200;
const SHOWN = 200;

export type Storage = Pick<globalThis.Storage, 'getItem' | 'setItem' | 'removeItem'>;

function isBookmark(value: unknown): value is Bookmark {
  const one = value as Partial<Bookmark> | null;
  return Number.isSafeInteger(one?.offset) && one!.offset! >= 0 && typeof one?.text === 'string';
}

/** Sorted by place. Every change is written at once; what another tab wrote meanwhile is kept. */
export class BookmarkBook {
  constructor(
    readonly runId: string,
    private readonly storage?: Storage,
  ) {}

  get all(): Bookmark[] {
    const stored = kept(PREFIX + this.runId, this.storage);
    return Array.isArray(stored) ? stored.filter(isBookmark) : [];
  }

  /** Mark the line, or take its mark away; whether it is marked now. */
  toggle(offset: number, text: string): boolean {
    const before = this.all;
    const without = before.filter(one => one.offset !== offset);
    const marked = without.length === before.length;
    if (marked) without.push({ offset, text: text.trim().slice(0, SHOWN) });
    this.#write(without);
    return marked;
  }

  remove(offset: number): void {
    this.#write(this.all.filter(one => one.offset !== offset));
  }

  /** The next one after byte `offset` (or before it), around the end. */
  beside(offset: number, step: 1 | -1): Bookmark | null {
    const all = this.all;
    const found = step > 0 ? all.find(one => one.offset > offset) : all.findLast(one => one.offset < offset);
    return found ?? all.at(step > 0 ? 0 : -1) ?? null;
  }

  #write(bookmarks: Bookmark[]): void {
    bookmarks.sort((a, b) => a.offset - b.offset);
    keep(PREFIX + this.runId, bookmarks.length ? bookmarks.slice(-MOST) : null, this.storage);
  }
}
