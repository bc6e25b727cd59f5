/** Which line of the log stands in which row of the terminal: long lines take several rows, and old rows are let go. Upstream: writer. Downstream: terminal, marks. */

/** What is needed of the terminal's buffer. */
export interface RowBuffer {
  baseY: number;
  cursorY: number;
  getLine(row: number): { isWrapped: boolean } | undefined;
}

export class RowBook {
  /** Where the lines begin that were written since the last reset, the open one last. */
  #offsets: number[] = [];
  #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  get firstOffset(): number | null {
    return this.#offsets[0] ?? null;
  }

  clear(): void {
    this.#offsets = [];
  }

  /** The open line is over; it began at `offset`. Another one begins at `next`. */
  line(offset: number, next: number): void {
    this.open(offset);
    this.#offsets.push(next);
    if (this.#offsets.length > this.#most * 2) this.#offsets = this.#offsets.slice(-this.#most);
  }

  /** The open line begins at `offset`. */
  open(offset: number): void {
    this.#offsets[Math.max(0, this.#offsets.length - 1)] = offset;
  }

  /** The byte at which the line in `row` begins, and the row where it begins. */
  lineAt(buffer: RowBuffer, row: number): { offset: number; row: number } | null {
    const end = buffer.baseY + buffer.cursorY;
    if (row > end) return null;
    let back = 0;
    for (let at = end; at > row; at--) if (!buffer.getLine(at)?.isWrapped) back++;
    let first = row;
    while (first > 0 && buffer.getLine(first)?.isWrapped) first--;
    const offset = this.#offsets[this.#offsets.length - 1 - back];
    return offset === undefined ? null : { offset, row: first };
  }

  /** The row where the line that holds byte `offset` begins, and its height; null when it is not among them. */
  rowOf(buffer: RowBuffer, offset: number): { row: number; height: number; offset: number } | null {
    const index = this.#find(offset);
    if (index < 0) return null;
    let back = this.#offsets.length - 1 - index;
    let height = 1;
    for (let row = buffer.baseY + buffer.cursorY; row >= 0; row--) {
      if (buffer.getLine(row)?.isWrapped) {
        height++;
        continue;
      }
      if (back-- === 0) return { row, height, offset: this.#offsets[index]! };
      height = 1;
    }
    return null;
  }

  /** The last line that begins at or before `offset`. */
  #find(offset: number): number {
    let low = 0;
    let high = this.#offsets.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#offsets[middle]! <= offset) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}
