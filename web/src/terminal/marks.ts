/** What is marked in the terminal: bookmarks in the margin and the overview ruler, and the line that was just gone to. Upstream: rows. Downstream: terminal. */
import type { IDecoration, Terminal } from '@xterm/xterm';
import { token } from './colours';
import type { RowBook } from './rows';

export class Marks {
  #shown = new Map<number, IDecoration>();
  #target: IDecoration | null = null;

  constructor(
    private readonly terminal: Terminal,
    private readonly rows: RowBook,
  ) {}

  /** Mark these lines, as far as they are in the terminal. */
  show(offsets: readonly number[]): void {
    for (const [offset, decoration] of this.#shown)
      if (decoration.isDisposed || !offsets.includes(offset)) {
        decoration.dispose();
        this.#shown.delete(offset);
      }
    for (const offset of offsets) {
      if (this.#shown.has(offset)) continue;
      const place = this.rows.rowOf(this.terminal.buffer.active, offset);
      if (!place || place.offset !== offset) continue;
      const decoration = this.#decorate(place.row, place.height, 'log-bookmark', token('--accent'));
      if (decoration) this.#shown.set(offset, decoration);
    }
  }

  /** Point at one line; null takes the pointer away. */
  point(row: number | null, height = 1): void {
    this.#target?.dispose();
    this.#target = row === null ? null : this.#decorate(row, height, 'log-target', token('--warn'));
  }

  /** Everything was written anew: the old marks stand nowhere. */
  clear(): void {
    for (const decoration of this.#shown.values()) decoration.dispose();
    this.#shown.clear();
    this.point(null);
  }

  #decorate(row: number, height: number, name: string, colour: string): IDecoration | null {
    const { buffer } = this.terminal;
    const marker = this.terminal.registerMarker(row - buffer.active.baseY - buffer.active.cursorY);
    const decoration = this.terminal.registerDecoration({
      marker,
      width: this.terminal.cols,
      height,
      overviewRulerOptions: { color: colour, position: 'full' },
    });
    if (!decoration) return null;
    decoration.onRender(element => element.classList.add(name));
    decoration.onDispose(() => marker.dispose());
    return decoration;
  }
}
