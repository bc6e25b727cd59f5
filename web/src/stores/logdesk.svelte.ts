/** What a person does with a log: search, bookmarks, copying, saving. Upstream: reader, search. Downstream: the stream panel. */
import { apiUrl } from '../net/base';
import { BookmarkBook, type Bookmark } from '../terminal/bookmarks';
import type { Found, Query } from '../terminal/find';
import type { LogView } from '../terminal/terminal';
import { download, downloadText } from './download';
import { LogReader } from './logreader.svelte';
import { LogSearch } from './logsearch.svelte';
import type { RunStore } from './run.svelte';

export type Aside = 'hits' | 'marks' | 'step';

interface OpenMenu {
  line: { offset: number; text: string } | null;
  x: number;
  y: number;
}

const TYPING_MS = 300;
const LONGEST_PREFILL = 200;

export class LogDesk {
  readonly reader: LogReader;
  readonly search: LogSearch;
  query = $state.raw<Query>({ text: '', case: false, word: false, regex: false });
  #view: LogView | null = null;
  #book: BookmarkBook;
  #bookmarks = $state.raw<readonly Bookmark[]>([]);
  #finding = $state(false);
  #found = $state.raw<Found | null>(null);
  #aside = $state<Aside | null>(null);
  #menu = $state.raw<OpenMenu | null>(null);
  #typing: number | undefined;

  constructor(private readonly run: RunStore) {
    this.reader = new LogReader(run.console);
    this.search = new LogSearch(run.id);
    this.#book = new BookmarkBook(run.id);
    this.#bookmarks = this.#book.all;
  }

  get finding(): boolean {
    return this.#finding;
  }

  get found(): Found | null {
    return this.#found;
  }

  get aside(): Aside | null {
    return this.#aside;
  }

  get menu(): OpenMenu | null {
    return this.#menu;
  }

  get bookmarks(): readonly Bookmark[] {
    return this.#bookmarks;
  }

  open(view: LogView): () => void {
    this.#view = view;
    view.setBookmarks(this.#bookmarks.map(one => one.offset));
    const close = this.reader.open(view);
    return () => {
      clearTimeout(this.#typing);
      this.search.cancel();
      close();
      this.#view = null;
    };
  }

  /** Hear when somebody else asked for a place of the log: a chart, an error. */
  onShown(listener: () => void): () => void {
    return this.reader.onShown(listener);
  }

  toggleFollow(): void {
    const { reader } = this;
    if (reader.part) void reader.backToLive();
    else this.#view?.setAutoScroll(!reader.state.following);
  }

  scroll(lines: number): void {
    this.#view?.scroll(lines);
  }

  selectAll(): void {
    this.#view?.selectAll();
    this.#view?.focus();
  }

  async copy(): Promise<void> {
    const text = this.#view?.selection;
    if (!text) return;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Not over plain HTTP from another machine: the terminal puts its selection into the event of this command.
      this.#view?.focus();
      document.execCommand('copy');
    }
  }

  /** The whole file, as it is now. */
  exportAll(): void {
    download(apiUrl(`runs/${encodeURIComponent(this.run.id)}/export`, { format: 'log' }).href);
  }

  exportSelection(): void {
    const text = this.#view?.selection;
    if (text) downloadText(text, `${this.run.id}-selection.log`);
  }

  openFind(): void {
    const selected = this.#view?.selection ?? '';
    if (selected && !selected.includes('\n') && selected.length <= LONGEST_PREFILL)
      this.query = { ...this.query, text: selected };
    this.#finding = true;
  }

  closeFind(): void {
    this.#finding = false;
    this.#found = null;
    if (this.#aside === 'hits') this.toggleAside('hits');
    this.#view?.endFind();
    this.#view?.focus();
  }

  takeFound(found: Found): void {
    this.#found = found;
  }

  find(direction: 1 | -1, typing: boolean): void {
    if (this.query.text) this.#view?.find(this.query, direction, typing);
    else this.#view?.endFind();
    if (!this.query.text) this.#found = null;
    if (this.#aside !== 'hits' || !typing) return;
    clearTimeout(this.#typing);
    this.#typing = window.setTimeout(() => void this.search.start(this.query), TYPING_MS);
  }

  toggleAside(aside: Aside | null): void {
    this.#aside = this.#aside === aside ? null : aside;
    if (this.#aside === 'hits') void this.search.start(this.query);
    else this.search.cancel();
  }

  /** The menu for the line under the pointer, or without one for what is selected or seen first. */
  openMenu(pointer: MouseEvent | null, x: number, y: number): void {
    this.#menu = { line: this.#view?.lineAt(pointer) ?? null, x, y };
  }

  closeMenu(): void {
    this.#menu = null;
  }

  toggleBookmark(offset: number, text: string): void {
    this.#book.toggle(offset, text);
    this.#show();
  }

  removeBookmark(offset: number): void {
    this.#book.remove(offset);
    this.#show();
  }

  nextBookmark(step: 1 | -1): void {
    const from = this.#at ?? this.#view?.topOffset ?? 0;
    const next = this.#book.beside(from, step);
    if (!next) return;
    this.#at = next.offset;
    void this.reader.show({ offset: next.offset });
  }

  /** The bookmark that was gone to last. */
  #at: number | null = null;

  #show(): void {
    this.#bookmarks = this.#book.all;
    this.#view?.setBookmarks(this.#bookmarks.map(one => one.offset));
  }
}
