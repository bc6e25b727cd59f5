/** Fingers on a chart: two stretch what is shown between them, one moves it. Up and down stays the page's. Upstream: the browser. Downstream: charts. */
import type { Zoom } from './zoom.svelte';

/** Closer together than this, two fingers say nothing of a length. */
const LEAST = 12;

/** Where each finger is, in pixels from the left of the chart, and the place of the axis that it holds. */
interface Held {
  pixel: number;
  place: number;
}

/** The part of the axis in which each of two fingers lies on the place that it holds; null while they are too close. */
export function stretched(a: Held, b: Held, width: number): { from: number; to: number } | null {
  const apart = b.pixel - a.pixel;
  // Fingers that pass each other would turn the axis around.
  if (Math.abs(apart) < LEAST || apart > 0 !== b.place > a.place) return null;
  const perPixel = (b.place - a.place) / apart;
  const from = a.place - a.pixel * perPixel;
  return { from, to: from + width * perPixel };
}

export class Fingers {
  #held = new Map<number, Held>();
  #many = false;

  constructor(
    private readonly over: HTMLElement,
    private readonly zoom: Zoom,
  ) {
    over.addEventListener('pointerdown', event => this.#down(event));
    over.addEventListener('pointermove', event => this.#move(event));
    for (const end of ['pointerup', 'pointercancel'] as const)
      over.addEventListener(end, event => this.#up(event));
  }

  /** More than one finger took part in what is going on, or has just ended: it was no tap. */
  get many(): boolean {
    return this.#many;
  }

  #down(event: PointerEvent): void {
    if (event.pointerType !== 'touch') return;
    // A finger that leaves the chart still holds it.
    this.over.setPointerCapture(event.pointerId);
    this.#many = this.#held.size > 0;
    this.#held.set(event.pointerId, { pixel: this.#pixel(event), place: 0 });
    this.#grasp();
  }

  #move(event: PointerEvent): void {
    const finger = this.#held.get(event.pointerId);
    if (!finger) return;
    finger.pixel = this.#pixel(event);
    const [a, b] = [...this.#held.values()];
    if (a && b) {
      const span = stretched(a, b, this.over.clientWidth);
      if (span) this.zoom.show(span);
    } else if (a && this.zoom.shown) {
      const { from, to } = this.zoom.now;
      this.zoom.pan(a.place - (from + (a.pixel / this.over.clientWidth) * (to - from)));
    }
  }

  #up(event: PointerEvent): void {
    if (this.#held.delete(event.pointerId)) this.#grasp();
  }

  /** Each finger holds what lies beneath it now: one more or one less moves nothing. */
  #grasp(): void {
    const { from, to } = this.zoom.now;
    for (const finger of this.#held.values())
      finger.place = from + (finger.pixel / this.over.clientWidth) * (to - from);
  }

  #pixel(event: PointerEvent): number {
    return event.clientX - this.over.getBoundingClientRect().left;
  }
}
