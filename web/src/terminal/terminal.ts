/** The xterm.js of the console page; a chunk of its own, loaded when a run is opened. Upstream: writer. Downstream: the reader of a log. */
import { FitAddon } from '@xterm/addon-fit';
import { SearchAddon } from '@xterm/addon-search';
import { Terminal } from '@xterm/xterm';
import '@xterm/xterm/css/xterm.css';
import { colours } from './colours';
import { searchOptions, type Found, type Query } from './find';
import type { Piece } from './follow';
import { webLinks } from './links';
import { Marks } from './marks';
import { forReading } from './options';
import { RowBook } from './rows';
import { TouchScroll } from './touch';
import { unicode } from './width';
import { Writer, type WriterWords } from './writer';

const SCROLLBACK = 20_000;
const FEWEST_COLUMNS = 20;
/** Ours, never the log's: everything away, the scrollback too, in one go with what follows. */
const WIPE = '\x1b[0m\x1b[3J\x1b[2J\x1b[H';

/** What the reader of a log sees of its terminal. */
export interface ViewState {
  following: boolean;
  /** Lines that came since the person left the end. */
  below: number;
  atTop: boolean;
  /** The byte at which the first line begins that can still be scrolled to. */
  firstOffset: number | null;
  selected: boolean;
}

export interface LogViewOptions extends WriterWords {
  box: HTMLElement;
  label: string;
  onState: (state: ViewState) => void;
  onFound: (found: Found) => void;
  /** The wheel turns on although the first or last row is shown. */
  onEdge: (direction: 1 | -1) => void;
  onBookmark: (offset: number, text: string) => void;
  /** The tooltip of a web address. */
  describeLink: () => string;
}

interface Job {
  text: () => string;
  done?: () => void;
}

export class LogView {
  readonly terminal: Terminal;
  #fit = new FitAddon();
  #search = new SearchAddon({ highlightLimit: 1000 });
  #rows = new RowBook(SCROLLBACK + 2000);
  #marks: Marks;
  #writer: Writer;
  #jobs: Job[] = [];
  #busy = false;
  #disposed = false;
  #following = true;
  #linesAtLeaving = 0;
  #heldRow = 0;
  #bookmarks: readonly number[] = [];
  /** The options of the last search in the view. */
  #how = '';
  #listening = new AbortController();
  #resize: ResizeObserver;

  constructor(private readonly options: LogViewOptions) {
    const { box, label } = options;
    this.terminal = new Terminal(forReading(SCROLLBACK));
    const { terminal } = this;
    terminal.loadAddon(this.#fit);
    terminal.loadAddon(this.#search);
    terminal.unicode.register(unicode);
    terminal.unicode.activeVersion = unicode.version;
    terminal.open(box);
    this.#writer = new Writer(terminal, this.#rows, options);
    this.#marks = new Marks(terminal, this.#rows);
    // Nothing may be typed into a log; keys are the page's.
    terminal.attachCustomKeyEventHandler(() => false);
    terminal.textarea?.setAttribute('aria-label', label);
    terminal.textarea?.setAttribute('readonly', '');
    terminal.registerLinkProvider(webLinks(terminal, options.describeLink));
    terminal.onSelectionChange(() => this.#tell());
    this.#search.onDidChangeResults(({ resultIndex, resultCount }) =>
      options.onFound({ index: resultIndex, count: resultCount }),
    );
    this.#listen(box);
    this.#resize = new ResizeObserver(() => this.#refit());
    this.#resize.observe(box);
  }

  get hasSelection(): boolean {
    return this.terminal.hasSelection();
  }

  get selection(): string {
    return this.terminal.getSelection();
  }

  get firstOffset(): number | null {
    return this.#rows.firstOffset;
  }

  /** Go on with these; `done` when they are drawn: more should wait for it. */
  write(pieces: Piece[], done?: () => void): void {
    this.#add({
      text: () => this.#writer.compose(pieces),
      done: () => {
        this.#hold();
        this.#marks.show(this.#bookmarks);
        done?.();
      },
    });
  }

  /** Show these in place of everything; then go to the line of byte `offset`, or to the end. */
  replace(pieces: Piece[], offset: number | null, point = offset !== null): Promise<void> {
    return new Promise(resolve =>
      this.#add({
        text: () => {
          this.#forget();
          return WIPE + this.#writer.compose(pieces);
        },
        done: () => {
          if (offset === null) this.toEnd();
          else this.reveal(offset, point);
          this.#marks.show(this.#bookmarks);
          resolve();
        },
      }),
    );
  }

  /** Nothing is shown of what came until now. */
  clear(): void {
    this.#add({
      text: () => {
        this.#rows.open(this.#forget());
        return WIPE;
      },
      done: () => this.toEnd(),
    });
  }

  /** Scroll to the line that holds byte `offset`, and point at it; false when it is not in the terminal. */
  reveal(offset: number, point = true): boolean {
    const { terminal } = this;
    const first = this.#rows.firstOffset;
    if (first === null || offset < first || !this.#writer.covers(offset)) return false;
    const place = this.#rows.rowOf(terminal.buffer.active, offset);
    if (!place) return false;
    terminal.scrollToLine(Math.max(0, place.row - (point ? Math.floor(terminal.rows / 3) : 0)));
    this.#marks.point(point ? place.row : null, place.height);
    this.#judge();
    return true;
  }

  setBookmarks(offsets: readonly number[]): void {
    this.#bookmarks = offsets;
    this.#marks.show(offsets);
  }

  setAutoScroll(on: boolean): void {
    if (on) return this.toEnd();
    this.#leave();
    // The terminal follows by itself while it is at the end: one line away from it, it stays.
    this.terminal.scrollLines(-1);
    this.#heldRow = this.terminal.buffer.active.viewportY;
    this.#tell();
  }

  /** Where the first line begins that is seen. */
  get topOffset(): number | null {
    const { active } = this.terminal.buffer;
    return this.#rows.lineAt(active, active.viewportY)?.offset ?? null;
  }

  get isAtTop(): boolean {
    return this.terminal.buffer.active.viewportY === 0;
  }

  get isAtEnd(): boolean {
    return this.#atEnd;
  }

  toEnd(): void {
    if (this.#disposed) return;
    this.terminal.scrollToBottom();
    this.#following = true;
    this.#marks.point(null);
    this.#tell();
  }

  scroll(lines: number): void {
    this.terminal.scrollLines(lines);
    this.#judge();
  }

  page(pages: number): void {
    this.terminal.scrollPages(pages);
    this.#judge();
  }

  toTop(): void {
    this.terminal.scrollToTop();
    this.#judge();
  }

  selectAll(): void {
    this.terminal.selectAll();
  }

  focus(): void {
    this.terminal.focus();
  }

  /** Find in what is shown; false when the pattern cannot be used. */
  find(query: Query, direction: 1 | -1, typing = false): boolean {
    const options = { ...searchOptions(query), incremental: typing && direction > 0 };
    // The addon looks for a changed text only: other options would go on with the old matches.
    const how = `${query.case} ${query.word} ${query.regex}`;
    if (how !== this.#how) this.#search.clearDecorations();
    this.#how = how;
    try {
      if (direction > 0) this.#search.findNext(query.text, options);
      else this.#search.findPrevious(query.text, options);
    } catch {
      this.#search.clearDecorations();
      return false;
    }
    this.#judge();
    return true;
  }

  endFind(): void {
    this.#search.clearDecorations();
  }

  setScreenReader(on: boolean): void {
    this.terminal.options.screenReaderMode = on;
  }

  setTheme(): void {
    this.terminal.options.theme = colours();
    this.#marks.clear();
    this.#marks.show(this.#bookmarks);
  }

  /** The line under the pointer, or (without one) the selection's, or the first that is seen. */
  lineAt(event: MouseEvent | null): { offset: number; text: string } | null {
    const { active } = this.terminal.buffer;
    let row = this.terminal.getSelectionPosition()?.start.y ?? active.viewportY;
    if (event) {
      const screen = this.terminal.element!.querySelector('.xterm-screen')!.getBoundingClientRect();
      row =
        active.viewportY + Math.floor(((event.clientY - screen.top) / screen.height) * this.terminal.rows);
    }
    const line = this.#rows.lineAt(active, row);
    return line && { offset: line.offset, text: this.#textOf(line.row) };
  }

  dispose(): void {
    this.#disposed = true;
    this.#listening.abort();
    this.#resize.disconnect();
    this.terminal.dispose();
  }

  #textOf(row: number): string {
    const { active } = this.terminal.buffer;
    let text = active.getLine(row)?.translateToString(true) ?? '';
    for (let next = row + 1; active.getLine(next)?.isWrapped; next++)
      text += active.getLine(next)!.translateToString(true);
    return text;
  }

  /** Returns the byte at which the next line begins. */
  #forget(): number {
    this.#marks.clear();
    this.#linesAtLeaving = 0;
    return this.#writer.forget();
  }

  /** One after the other: each looks at where the cursor is when those before it are drawn. */
  #add(job: Job): void {
    this.#jobs.push(job);
    if (!this.#busy) this.#next();
  }

  #next(): void {
    const job = this.#jobs.shift();
    if (!job || this.#disposed) return;
    this.#busy = true;
    this.#heldRow = this.terminal.buffer.active.viewportY;
    this.terminal.write(job.text(), () => {
      this.#busy = false;
      if (this.#disposed) return;
      job.done?.();
      this.#next();
    });
  }

  get #atEnd(): boolean {
    const { active } = this.terminal.buffer;
    return active.viewportY >= active.baseY;
  }

  /** After a write: who reads further up stays there, also when the log was too short to scroll until now. */
  #hold(): void {
    if (!this.#following && this.#atEnd && this.terminal.buffer.active.baseY > this.#heldRow)
      this.terminal.scrollToLine(this.#heldRow);
    this.#tell();
  }

  #leave(): void {
    if (this.#following) this.#linesAtLeaving = this.#writer.lines;
    this.#following = false;
  }

  /** Only a person's own scrolling counts: the buffer moves by itself while lines come in. */
  #judge = (): void => {
    if (this.#disposed) return;
    if (!this.#atEnd) this.#leave();
    else if (this.terminal.buffer.active.baseY > 0) this.#following = true;
    this.#tell();
  };

  #tell(): void {
    if (this.#disposed) return;
    this.options.onState({
      following: this.#following,
      below: this.#following ? 0 : this.#writer.lines - this.#linesAtLeaving,
      atTop: this.terminal.buffer.active.viewportY === 0,
      firstOffset: this.#rows.firstOffset,
      selected: this.terminal.hasSelection(),
    });
  }

  #listen(box: HTMLElement): void {
    const { signal } = this.#listening;
    const soon = () => requestAnimationFrame(this.#judge);
    // Caught on the way in: the terminal keeps these events to itself.
    for (const name of ['wheel', 'keyup', 'pointerup'] as const)
      box.addEventListener(name, soon, { passive: true, capture: true, signal });
    // The scrollbar's handle, while it is held.
    box.addEventListener('pointermove', event => event.buttons && soon(), { capture: true, signal });
    new TouchScroll(box, lines => this.#touched(lines), signal);
    box.addEventListener('wheel', event => this.#atEdge(Math.sign(event.deltaY)), { passive: true, signal });
    box.addEventListener(
      'dblclick',
      event => {
        if (event.target instanceof Element && event.target.closest('.scrollbar')) return;
        const line = this.lineAt(event);
        if (line) this.options.onBookmark(line.offset, line.text);
      },
      { signal },
    );
  }

  /** Scrolled by finger; whether there was anything to scroll. */
  #touched(lines: number): boolean {
    const { active } = this.terminal.buffer;
    if (lines < 0 ? active.viewportY === 0 : this.#atEnd) return false;
    if (lines) this.scroll(lines);
    return true;
  }

  #atEdge(direction: number): void {
    if (direction < 0 && this.terminal.buffer.active.viewportY === 0) this.options.onEdge(-1);
    if (direction > 0 && this.#atEnd) this.options.onEdge(1);
  }

  #refit(): void {
    const { box } = this.options;
    if (this.#disposed || !box.clientWidth || !box.clientHeight) return;
    const room = this.#fit.proposeDimensions();
    if (!room?.rows) return;
    const columns = Math.max(FEWEST_COLUMNS, room.cols || 0);
    if (columns === this.terminal.cols && room.rows === this.terminal.rows) return;
    this.#marks.clear();
    this.terminal.resize(columns, room.rows);
    if (this.#following) this.terminal.scrollToBottom();
    this.#marks.show(this.#bookmarks);
  }
}

export async function openLogView(options: LogViewOptions): Promise<LogView> {
  await document.fonts.load('12px "JetBrains Mono"').catch(() => undefined);
  return new LogView(options);
}
