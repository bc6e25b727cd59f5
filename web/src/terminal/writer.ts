/** What is written into the terminal for new output: whole lines, then the open one drawn anew. Upstream: lines. Downstream: terminal. */
import type { Terminal } from '@xterm/xterm';
import type { Piece } from './follow';
import { LineComposer } from './lines';
import type { RowBook } from './rows';

export interface WriterWords {
  describeSkipped: (bytes: number) => string;
  describeDropped: (characters: number) => string;
}

export class Writer {
  #composer: LineComposer;
  /** How the unfinished line was drawn. */
  #drawn = '';
  /** The byte after the last one that is shown, and the spans before it that are not. */
  #end = 0;
  #gaps: [number, number][] = [];
  #lines = 0;

  constructor(
    private readonly terminal: Terminal,
    private readonly rows: RowBook,
    private readonly words: WriterWords,
  ) {
    this.#composer = new LineComposer(words.describeDropped);
  }

  /** Lines written since the last `forget`. */
  get lines(): number {
    return this.#lines;
  }

  /** Whether byte `offset` was written, as far as it is known here. */
  covers(offset: number): boolean {
    return offset < Math.max(this.#end, 1) && !this.#gaps.some(([from, to]) => offset >= from && offset < to);
  }

  /** Nothing is shown any more; returns the byte at which the next line begins. */
  forget(): number {
    const { begins } = this.#composer;
    this.#composer = new LineComposer(this.words.describeDropped);
    this.rows.clear();
    this.#drawn = '';
    this.#gaps = [];
    this.#lines = 0;
    return begins;
  }

  /** The text that brings these pieces onto the screen as it is now. */
  compose(pieces: readonly Piece[]): string {
    let lines = '';
    for (const piece of pieces) lines += 'skipped' in piece ? this.#skip(piece.skipped) : this.#take(piece);
    this.rows.open(this.#composer.begins);
    const { cols, rows } = this.terminal;
    const open = this.#composer.open(cols * Math.max(1, rows - 1));
    const before = this.#drawn;
    this.#drawn = open;
    if (!lines && open.startsWith(before)) return open.slice(before.length);
    return (before ? this.#erase() : '') + lines + open;
  }

  #take(piece: Exclude<Piece, { skipped: number }>): string {
    this.#end = piece.at + piece.length;
    return this.#ended(this.#composer.push(piece.text, piece.at, piece.length));
  }

  #skip(bytes: number): string {
    const before = this.#ended(this.#composer.breakOff());
    const to = this.#end + bytes;
    this.#gaps.push([this.#end, to]);
    this.rows.line(to, to);
    this.#lines++;
    return `${before}\x1b[2m··· ${this.words.describeSkipped(bytes)} ···\x1b[0m\r\n`;
  }

  #ended(lines: ReturnType<LineComposer['push']>): string {
    let out = '';
    lines.forEach((line, i) => {
      this.rows.line(line.offset, lines[i + 1]?.offset ?? this.#composer.begins);
      out += line.text + '\r\n';
    });
    this.#lines += lines.length;
    return out;
  }

  /** Take the unfinished line away, in all the rows that it fills. */
  #erase(): string {
    const { active } = this.terminal.buffer;
    let up = 0;
    while (up < active.cursorY && active.getLine(active.baseY + active.cursorY - up)?.isWrapped) up++;
    return `\r${up ? `\x1b[${up}A` : ''}\x1b[J`;
  }
}
