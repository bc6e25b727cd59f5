/** Where the console stands in console.log: raw bytes in, text and skipped spans out. Upstream: HTTP and socket. */

/** Text with the place of its bytes in the file, or a number of bytes that are not shown. */
export type Piece = { text: string; at: number; length: number } | { skipped: number };

const PIECE_BYTES = 32 * 1024;

/** The number of bytes at the end of `bytes` that begin a UTF-8 character without ending it. */
export function openTail(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!;
    if ((byte & 0xc0) === 0x80) continue;
    const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return needed > back ? back : 0;
  }
  return 0;
}

export class Follower {
  /** The offset of the next byte that was not shown. */
  next = 0;
  #decoder = new TextDecoder();

  /** The bytes of the log from `offset` on, as the first thing shown; a cut first line is left out. */
  begin(bytes: Uint8Array, offset: number): Piece[] {
    const whole = bytes.length - openTail(bytes);
    let from = 0;
    if (offset > 0) {
      const newline = bytes.indexOf(0x0a);
      from = newline >= 0 && newline + 1 <= whole ? newline + 1 : 0;
    }
    this.next = offset + whole;
    const pieces: Piece[] = [];
    if (offset + from > 0) pieces.push({ skipped: offset + from });
    if (whole > from) pieces.push(...cut(this.#decoder, bytes.subarray(from, whole), offset + from));
    return pieces;
  }

  /** A piece from the socket: `length` raw bytes from `offset`, decoded by the server. What was shown is not shown again. */
  take(offset: number, length: number, text: string): Piece[] {
    const end = offset + length;
    if (end <= this.next) return [];
    const pieces: Piece[] = [];
    if (offset > this.next) pieces.push({ skipped: offset - this.next });
    if (offset >= this.next) pieces.push({ text, at: offset, length });
    else pieces.push({ text: lastBytes(text, end - this.next), at: this.next, length: end - this.next });
    this.next = end;
    return pieces;
  }
}

/** Whole characters of a part of the file, in pieces that are each drawn within a frame. */
export function cut(decoder: TextDecoder, bytes: Uint8Array, offset: number): Piece[] {
  const pieces: Piece[] = [];
  for (let from = 0; from < bytes.length;) {
    let part = bytes.subarray(from, from + PIECE_BYTES);
    if (from + part.length < bytes.length) part = part.subarray(0, part.length - openTail(part));
    pieces.push({ text: decoder.decode(part), at: offset + from, length: part.length });
    from += part.length;
  }
  return pieces;
}

/** The part of `text` that its last `count` bytes encode. */
function lastBytes(text: string, count: number): string {
  const bytes = new TextEncoder().encode(text);
  return new TextDecoder().decode(bytes.subarray(Math.max(0, bytes.length - count)));
}
