/** The machine under a run: its newest sample, and the highest temperatures. Upstream: HTTP once, then the socket. Downstream: panels. */
import { get } from '../net/api';
import type { SystemAnswer, SystemSample } from '../wire/generated';
import { frames } from './frames';

/** Samples looked back for the highest temperatures. */
const POINTS = 1000;

export class MachineFeed {
  #sample = $state.raw<SystemSample | null>(null);
  #hottest = $state.raw<Readonly<Record<number, number>>>({});
  /** Heard, and not painted yet. */
  #next: SystemSample | null = null;
  #seq = -1;

  constructor(readonly runId: string) {}

  get sample(): SystemSample | null {
    return this.#sample;
  }

  /** Highest temperature by GPU, degrees Celsius, as far back as samples are kept. */
  get hottest(): Readonly<Record<number, number>> {
    return this.#hottest;
  }

  async load(signal: AbortSignal): Promise<void> {
    const samples = await this.history(POINTS, signal);
    for (const sample of samples) this.#feel(sample);
    const last = samples.at(-1);
    if (!last) return;
    this.#seq = last.seq;
    this.#sample = last;
  }

  /** Samples over the whole run, evenly thinned. */
  async history(points: number, signal: AbortSignal): Promise<SystemSample[]> {
    const path = `runs/${encodeURIComponent(this.runId)}/system`;
    const answer = await get<SystemAnswer>(path, { max_points: points }, signal);
    return answer.samples;
  }

  take(sample: SystemSample): void {
    if (sample.seq <= this.#seq) return;
    this.#seq = sample.seq;
    this.#next = sample;
    frames.request(this.#paint);
  }

  close(): void {
    frames.cancel(this.#paint);
  }

  #paint = (): void => {
    if (!this.#next) return;
    this.#sample = this.#next;
    this.#feel(this.#next);
    this.#next = null;
  };

  #feel({ gpus }: SystemSample): void {
    const risen = gpus.filter(({ index, temperature }) => (temperature ?? -1) > (this.#hottest[index] ?? -1));
    if (!risen.length) return;
    const now = Object.fromEntries(risen.map(gpu => [gpu.index, gpu.temperature!]));
    this.#hottest = { ...this.#hottest, ...now };
  }
}
