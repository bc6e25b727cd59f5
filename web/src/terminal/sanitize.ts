/**
 * What of a log may be shown: text, colours (SGR) and movement within the line. Everything else is dropped: no log can write to
 * the clipboard, set a title, move about the screen, or make the terminal answer. Every newline of the log comes out, whatever
 * it stands in, so that lines can be counted. Upstream: follow. Downstream: lines.
 */

// A parser state survives between chunks, for a sequence may be cut anywhere.
type Mode = 'text' | 'escape' | 'csi' | 'string' | 'string-escape' | 'charset';

const LONGEST_SEQUENCE = 64;
/** CSI finals that stay: SGR, erase in line, cursor forward, back, to column. */
const FINALS = new Set(['m', 'K', 'C', 'D', 'G']);
const PARAMETERS = /^[0-9;:]*$/;
/** Embeddings, overrides and isolates: with them a file's name can be made to read as another one. */
const BIDI = /[\u202a-\u202e\u2066-\u2069]/g;

export class Sanitizer {
  #mode: Mode = 'text';
  #held = '';

  /** The harmless part of `chunk`; an unfinished sequence waits for the next one. */
  push(chunk: string): string {
    let out = '';
    let plain = 0;
    for (let i = 0; i < chunk.length; i++) {
      const code = chunk.charCodeAt(i);
      if (this.#mode === 'text') {
        if (isPlain(code)) continue;
        out += chunk.slice(plain, i);
        plain = i + 1;
        if (code === 0x1b) this.#mode = 'escape';
        else if (code === 0x9b) this.#begin('csi');
        else if (isStringStart(code)) this.#mode = 'string';
        continue;
      }
      out += this.#inside(chunk[i]!, code);
      plain = i + 1;
    }
    if (this.#mode === 'text') out += chunk.slice(plain);
    return out.replace(BIDI, '\ufffd');
  }

  #begin(mode: Mode): void {
    this.#mode = mode;
    this.#held = '';
  }

  /** One character of an escape sequence; the text to show when it ends a sequence that stays. */
  #inside(char: string, code: number): string {
    switch (this.#mode) {
      case 'escape':
        if (code === 0x0a) return this.#leave('\n');
        if (char === '[') this.#begin('csi');
        else if (']PX^_'.includes(char)) this.#mode = 'string';
        else if ('()*+-./ #%'.includes(char)) this.#mode = 'charset';
        else if (code !== 0x1b) this.#mode = 'text';
        return '';
      case 'charset':
        return this.#leave(code === 0x0a ? '\n' : '');
      case 'csi':
        return this.#csi(char, code);
      case 'string':
        if (code === 0x07 || code === 0x9c) this.#mode = 'text';
        else if (code === 0x1b) this.#mode = 'string-escape';
        // A string that never ends must not swallow the log: no real one spans lines.
        else if (code === 0x0a) return this.#leave('\n');
        return '';
      case 'string-escape':
        if (char === '\\') this.#mode = 'text';
        else if (char === '[') this.#begin('csi');
        else this.#mode = code === 0x0a ? 'text' : 'string';
        return code === 0x0a ? '\n' : '';
      default:
        return '';
    }
  }

  #csi(char: string, code: number): string {
    if (code >= 0x40 && code <= 0x7e) {
      this.#mode = 'text';
      return FINALS.has(char) && PARAMETERS.test(this.#held) ? `\x1b[${this.#held}${char}` : '';
    }
    if (code === 0x1b) {
      this.#mode = 'escape';
      return '';
    }
    if (code === 0x0a || code === 0x0d) return this.#leave(char);
    this.#held += char;
    if (this.#held.length > LONGEST_SEQUENCE) this.#mode = 'text';
    return '';
  }

  #leave(text: string): string {
    this.#mode = 'text';
    return text;
  }
}

/** Printable, or one of the controls that belong to a line: backspace, tab, newline, carriage return. */
function isPlain(code: number): boolean {
  if (code >= 0x20) return code < 0x7f || code > 0x9f;
  return code === 0x08 || code === 0x09 || code === 0x0a || code === 0x0d;
}

/** The one-byte forms of DCS, SOS, OSC, PM and APC. */
function isStringStart(code: number): boolean {
  return code === 0x90 || code === 0x98 || (code >= 0x9d && code <= 0x9f);
}
