/**
 * Lines as a log's reader sees them: carriage returns, backspaces and movement within the line are carried out here, so that a
 * progress bar is drawn right at any width, also one that is longer than the screen. Each line knows the byte it begins at.
 * Upstream: follow. Downstream: writer.
 */
import { Highlighter, type Span } from './highlight';
import { Sanitizer } from './sanitize';
import { Style } from './style';
import { cellWidth } from './width';

export interface Line {
  /** Text and colours, complete in itself. */
  text: string;
  /** Byte of the file at which it begins. */
  offset: number;
}

/** Nobody reads more of one line, and a megabyte without a newline must not fill the memory. */
export const LONGEST_LINE = 16_384;
const LONGEST_CLUSTER = 16;
const TAB = 8;
const CONTROL = /[\r\b\t]|\x1b\[([0-9;:]*)([mKCDG])/g;
/** The second half of a wide character. */
const HALF = '';

const encoder = new TextEncoder();

export class LineComposer {
  #sanitizer = new Sanitizer();
  #highlighter = new Highlighter();
  #style = Style.plain;
  #runs: { style: Style; text: string }[] = [];
  #length = 0;
  /** From the first movement on: one entry a cell. */
  #cells: { chars: string[]; styles: Style[]; cursor: number } | null = null;
  #dropped = 0;
  #at = 0;
  #begins = 0;

  constructor(readonly describeDropped: (count: number) => string = count => `… +${count}`) {}

  /** The byte at which the open line begins. */
  get begins(): number {
    return this.#begins;
  }

  get isEmpty(): boolean {
    return this.#length === 0 && this.#cells === null;
  }

  /** Go on with `text`, whose `length` bytes begin at byte `at`; the lines that are now complete. */
  push(text: string, at: number, length: number): Line[] {
    if (this.#at !== at && this.isEmpty) this.#begins = at;
    this.#at = at;
    const lines: Line[] = [];
    let from = 0;
    for (let newline = text.indexOf('\n'); newline >= 0; newline = text.indexOf('\n', from)) {
      const segment = text.slice(from, newline);
      const clean = this.#sanitizer.push(segment + '\n').slice(0, -1);
      this.#feed(clean.endsWith('\r') ? clean.slice(0, -1) : clean);
      this.#at += byteLength(segment) + 1;
      from = newline + 1;
      lines.push(this.#close());
    }
    if (from < text.length) this.#feed(this.#sanitizer.push(text.slice(from)));
    // Replaced bytes make the count of the text's own bytes too high: the piece's length is what is true.
    this.#at = at + length;
    for (const line of lines) line.offset = Math.min(line.offset, this.#at);
    this.#begins = Math.min(this.#begins, this.#at);
    return lines;
  }

  /** End the open line here: bytes are missing, or another part of the file follows. */
  breakOff(): Line[] {
    this.#sanitizer = new Sanitizer();
    this.#highlighter = new Highlighter();
    const line = this.isEmpty ? [] : [this.#close()];
    this.#style = Style.plain;
    return line;
  }

  /** The unfinished line as it looks now, at most `cells` of it. */
  open(cells: number): string {
    return this.#serialize(false, cells);
  }

  #close(): Line {
    const line = { text: this.#serialize(true, Infinity), offset: this.#begins };
    this.#runs = [];
    this.#length = 0;
    this.#cells = null;
    this.#dropped = 0;
    this.#begins = this.#at;
    return line;
  }

  #feed(clean: string): void {
    let plain = 0;
    CONTROL.lastIndex = 0;
    for (let found = CONTROL.exec(clean); found; found = CONTROL.exec(clean)) {
      if (found.index > plain) this.#write(clean.slice(plain, found.index));
      plain = CONTROL.lastIndex;
      if (found[2] === 'm') this.#style = this.#style.after(found[1]!);
      else this.#move(found[2] ?? found[0], parseInt(found[1] || '0', 10));
    }
    if (plain < clean.length) this.#write(plain ? clean.slice(plain) : clean);
  }

  #write(text: string): void {
    if (this.#cells) return this.#overwrite(this.#cells, text);
    const room = LONGEST_LINE - this.#length;
    if (text.length > room) {
      this.#dropped += text.length - room;
      text = text.slice(0, room);
    }
    if (!text) return;
    this.#length += text.length;
    const last = this.#runs.at(-1);
    if (last?.style === this.#style) last.text += text;
    else this.#runs.push({ style: this.#style, text });
  }

  #move(kind: string, amount: number): void {
    const cells = (this.#cells ??= this.#spread());
    const { chars, styles } = cells;
    switch (kind) {
      case '\r':
        cells.cursor = 0;
        break;
      case '\b':
        cells.cursor = Math.max(0, cells.cursor - 1);
        break;
      case '\t':
        cells.cursor = Math.min(LONGEST_LINE, (Math.floor(cells.cursor / TAB) + 1) * TAB);
        break;
      case 'C':
        cells.cursor = Math.min(LONGEST_LINE, cells.cursor + Math.max(1, amount));
        break;
      case 'D':
        cells.cursor = Math.max(0, cells.cursor - Math.max(1, amount));
        break;
      case 'G':
        cells.cursor = Math.min(LONGEST_LINE, Math.max(0, amount - 1));
        break;
      case 'K':
        if (amount === 0) chars.length = styles.length = Math.min(chars.length, cells.cursor);
        else if (amount === 1) chars.fill(' ', 0, cells.cursor + 1);
        else if (amount === 2) chars.length = styles.length = 0;
        break;
    }
  }

  /** From runs of text to cells. */
  #spread(): { chars: string[]; styles: Style[]; cursor: number } {
    const cells = { chars: [] as string[], styles: [] as Style[], cursor: 0 };
    const now = this.#style;
    for (const { style, text } of this.#runs) {
      this.#style = style;
      this.#overwrite(cells, text);
    }
    this.#style = now;
    return cells;
  }

  #overwrite(cells: { chars: string[]; styles: Style[]; cursor: number }, text: string): void {
    const { chars, styles } = cells;
    for (const char of text) {
      const width = cellWidth(char.codePointAt(0)!);
      if (width === 0) {
        let base = cells.cursor - 1;
        if (base > 0 && chars[base] === HALF) base--;
        if (base >= 0 && chars[base] !== undefined && chars[base]!.length < LONGEST_CLUSTER)
          chars[base] += char;
        continue;
      }
      if (cells.cursor + width > LONGEST_LINE) {
        this.#dropped += char.length;
        continue;
      }
      while (chars.length < cells.cursor) {
        chars.push(' ');
        styles.push(Style.plain);
      }
      if (chars[cells.cursor] === HALF && cells.cursor > 0) chars[cells.cursor - 1] = ' ';
      chars[cells.cursor] = char;
      styles[cells.cursor++] = this.#style;
      if (width === 2) {
        chars[cells.cursor] = HALF;
        styles[cells.cursor++] = this.#style;
      }
      if (chars[cells.cursor] === HALF) chars[cells.cursor] = ' ';
    }
  }

  /** The line's pieces of one style each. */
  #pieces(): { style: Style; text: string }[] {
    if (!this.#cells) return this.#runs;
    const { chars, styles } = this.#cells;
    const pieces: { style: Style; text: string }[] = [];
    for (let i = 0; i < chars.length; i++) {
      const last = pieces.at(-1);
      if (last && last.style === styles[i]) last.text += chars[i]!;
      else pieces.push({ style: styles[i]!, text: chars[i]! });
    }
    return pieces;
  }

  #serialize(ends: boolean, most: number): string {
    let pieces = this.#pieces();
    if (most < Infinity) pieces = firstCells(pieces, most);
    const spans = this.#highlighter.spans(pieces.map(piece => piece.text).join(''), ends);
    const first = pieces[0];
    let out = '';
    if (!spans.length && pieces.length <= 1) out = first ? coloured(first.style.code, first.text) : '';
    else {
      let at = 0;
      for (const { style, text } of pieces) {
        out += painted(style, text, at, spans);
        at += text.length;
      }
    }
    return this.#dropped && ends ? `${out}\x1b[2m ${this.describeDropped(this.#dropped)}\x1b[0m` : out;
  }
}

function coloured(code: string, text: string): string {
  return code ? `\x1b[${code}m${text}\x1b[0m` : text;
}

function painted(style: Style, text: string, at: number, spans: Span[]): string {
  if (style.hasColour) return coloured(style.code, text);
  let out = '';
  let done = 0;
  for (const span of spans) {
    const from = Math.max(0, span.from - at);
    const to = Math.min(text.length, span.to - at);
    if (from >= to) continue;
    out += coloured(style.code, text.slice(done, from));
    out += coloured(style.code ? `${style.code};${span.code}` : span.code, text.slice(from, to));
    done = to;
  }
  return done
    ? out + (done < text.length ? coloured(style.code, text.slice(done)) : '')
    : coloured(style.code, text);
}

function firstCells(
  pieces: { style: Style; text: string }[],
  most: number,
): { style: Style; text: string }[] {
  const kept: { style: Style; text: string }[] = [];
  let room = most;
  for (const { style, text } of pieces) {
    // Twice the length bounds the width; exact counting is for the rare line that may be too long.
    if (text.length * 2 <= room) {
      room -= text.length * 2;
      kept.push({ style, text });
      continue;
    }
    let part = '';
    for (const char of text) {
      room -= cellWidth(char.codePointAt(0)!);
      if (room < 0) break;
      part += char;
    }
    kept.push({ style, text: part });
    if (room < 0) break;
  }
  return kept;
}

function byteLength(text: string): number {
  return encoder.encode(text).length;
}
