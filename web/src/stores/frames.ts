/** At most one paint a frame, and none while the tab is hidden: what was wanted meanwhile happens once when it shows again. Upstream: stores. Downstream: the browser's frames. */
import { flushSync } from 'svelte';

export class Frames {
  #wanted = new Set<() => void>();
  /** Canvases: each is cheap to describe and dear to raster, all at once would be a frame that is felt. */
  #pictures = new Set<() => void>();
  #asked = false;

  constructor() {
    if (typeof document !== 'undefined')
      document.addEventListener('visibilitychange', () => {
        if (!document.hidden && (this.#wanted.size || this.#pictures.size)) this.#ask();
      });
  }

  /** Do `paint` in the next frame; asking twice paints once. */
  request(paint: () => void): void {
    this.#wanted.add(paint);
    this.#ask();
  }

  /** Draw a canvas, in the order of asking and one a frame; one that is asked for while a frame is made may still be in it. */
  draw(picture: () => void): void {
    this.#pictures.add(picture);
    this.#ask();
  }

  cancel(paint: () => void): void {
    this.#wanted.delete(paint);
    this.#pictures.delete(paint);
  }

  #ask(): void {
    if (this.#asked || document.hidden) return;
    this.#asked = true;
    requestAnimationFrame(this.#paint);
  }

  #paint = (): void => {
    const jobs = [...this.#wanted];
    this.#wanted.clear();
    for (const job of jobs) job();
    // What the jobs changed reaches the page, and its canvases, in this frame and not in the next one.
    if (jobs.length) flushSync();
    const [picture] = this.#pictures;
    if (picture) {
      this.#pictures.delete(picture);
      picture();
    }
    this.#asked = false;
    if (this.#wanted.size || this.#pictures.size) this.#ask();
  };
}

export const frames = new Frames();
