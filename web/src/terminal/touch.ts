/** Scrolling by finger, which xterm.js leaves to its user. At either end the page scrolls instead. Upstream: the finger. Downstream: terminal. */

const LINE = 16;

export class TouchScroll {
  #last: number | null = null;
  #rest = 0;

  /** `scroll` tells whether there is anything to scroll in that direction. */
  constructor(box: HTMLElement, scroll: (lines: number) => boolean, signal: AbortSignal) {
    box.addEventListener(
      'touchstart',
      event => {
        this.#last = event.touches.length === 1 ? event.touches[0]!.clientY : null;
        this.#rest = 0;
      },
      { passive: true, capture: true, signal },
    );
    box.addEventListener(
      'touchmove',
      event => {
        const touch = event.touches[0];
        if (this.#last === null || !touch) return;
        this.#rest += this.#last - touch.clientY;
        this.#last = touch.clientY;
        const lines = Math.trunc(this.#rest / LINE);
        if (scroll(lines || Math.sign(this.#rest) * 0)) event.preventDefault();
        this.#rest -= lines * LINE;
      },
      { passive: false, capture: true, signal },
    );
  }
}
