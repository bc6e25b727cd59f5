/** At most one paint a frame, and none while the tab is hidden: what was wanted meanwhile happens once when it shows again. */
export class Frames {
  #wanted = new Set<() => void>();
  #asked = false;

  constructor() {
    if (typeof document !== 'undefined')
      document.addEventListener('visibilitychange', () => {
        if (!document.hidden && this.#wanted.size) this.#ask();
      });
  }

  /** Do `paint` in the next frame; asking twice paints once. */
  request(paint: () => void): void {
    this.#wanted.add(paint);
    if (!document.hidden) this.#ask();
  }

  cancel(paint: () => void): void {
    this.#wanted.delete(paint);
  }

  #ask(): void {
    if (this.#asked) return;
    this.#asked = true;
    requestAnimationFrame(() => {
      this.#asked = false;
      const jobs = [...this.#wanted];
      this.#wanted.clear();
      for (const job of jobs) job();
    });
  }
}

export const frames = new Frames();
