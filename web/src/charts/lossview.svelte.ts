/** How a person looks at the loss: axis, smoothing, which courses. Smoothing and axis are kept. Upstream: this browser. Downstream: the loss figure. */
import { keep, keepText, keptFields, keptText } from '../kept';
import { AXES, type By } from './places';

const SMOOTHING = 'gladius_smoothing';
const STORED = 'gladius_loss';
const USUAL_SMOOTHING = 0.9;
const MOST_SMOOTHING = 0.99;

export class LossView {
  #smoothing = $state(keptSmoothing());
  #log = $state(false);
  #by = $state<By>('epoch');
  #shown = $state({ train: true, eval: true });
  #all = $state(false);

  constructor() {
    const { log, by } = keptFields(STORED);
    this.#log = log === true;
    this.#by = AXES.find(one => one === by) ?? 'epoch';
  }

  /** Weight of the past in the trend, 0 to 0.99. */
  get smoothing(): number {
    return this.#smoothing;
  }

  /** A logarithmic axis is wished for; losses that are not positive have none. */
  get log(): boolean {
    return this.#log;
  }

  /** The axis that is wished for. */
  get by(): By {
    return this.#by;
  }

  get shown(): Readonly<{ train: boolean; eval: boolean }> {
    return this.#shown;
  }

  /** Values far outside too. */
  get all(): boolean {
    return this.#all;
  }

  smooth(weight: number): void {
    this.#smoothing = weight;
    keepText(SMOOTHING, String(weight));
  }

  toggleLog(): void {
    this.#log = !this.#log;
    this.#keep();
  }

  orderBy(by: By): void {
    this.#by = by;
    this.#keep();
  }

  /** One of them always shows: an empty chart says nothing. */
  toggle(which: 'train' | 'eval'): void {
    const other = which === 'train' ? 'eval' : 'train';
    this.#shown[which] = !this.#shown[which];
    if (!this.#shown.train && !this.#shown.eval) this.#shown[other] = true;
  }

  showAll(all: boolean): void {
    this.#all = all;
  }

  #keep(): void {
    keep(STORED, { log: this.#log, by: this.#by });
  }
}

function keptSmoothing(): number {
  const weight = Number(keptText(SMOOTHING) ?? USUAL_SMOOTHING);
  return weight >= 0 && weight <= MOST_SMOOTHING ? weight : USUAL_SMOOTHING;
}
