/** Which part of an x axis is shown. Upstream: wheel, drag, keys. Downstream: charts. */

export interface Span {
  from: number;
  to: number;
}

/** A tenth of a millionth of the whole is the closest look. */
const CLOSEST = 1e-7;
const STEP = 0.6;

export class Zoom {
  #shown = $state.raw<Span | null>(null);
  /** All there is to show; the chart says it at each paint. */
  whole: Span = { from: 0, to: 1 };

  /** null shows all, also what comes later. */
  get shown(): Span | null {
    return this.#shown;
  }

  get now(): Span {
    return this.#shown ?? this.whole;
  }

  show(span: Span): void {
    const { from, to } = this.whole;
    const length = Math.min(Math.max(span.to - span.from, (to - from) * CLOSEST), to - from);
    if (!(length > 0) || length >= to - from) return this.reset();
    const start = Math.min(Math.max(span.from + (span.to - span.from - length) / 2, from), to - length);
    this.#shown = { from: start, to: start + length };
  }

  /** Make the shown part `factor` times as long; `centre` stays where it is. */
  scale(factor: number, centre?: number): void {
    const { from, to } = this.now;
    const middle = centre ?? (from + to) / 2;
    this.show({ from: middle - (middle - from) * factor, to: middle + (to - middle) * factor });
  }

  in(): void {
    this.scale(STEP);
  }

  out(): void {
    this.scale(1 / STEP);
  }

  /** Move the shown part by this much of its axis, as far as there is something. */
  pan(by: number): void {
    if (!this.#shown) return;
    const { from, to } = this.#shown;
    const free = Math.min(Math.max(by, this.whole.from - from), this.whole.to - to);
    this.#shown = { from: from + free, to: to + free };
  }

  reset(): void {
    this.#shown = null;
  }
}
