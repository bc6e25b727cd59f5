/** Where a person is in a log: at its end, live, or in a part of the file further back. Upstream: the feed. Downstream: the stream panel. */
import { get } from '../net/api';
import type { LogView, ViewState } from '../terminal/terminal';
import type { LogPlace as StepPlace } from '../wire/generated';
import type { ConsoleFeed, LogPlace, Part } from './console';

const BEFORE = 64 * 1024;
const PART = 256 * 1024;
const FURTHER = 128 * 1024;

export class LogReader {
  #view: LogView | null = null;
  #detach = (): void => {};
  #state = $state.raw<ViewState>({
    following: true,
    below: 0,
    atTop: false,
    firstOffset: null,
    selected: false,
  });
  #part = $state.raw<Omit<Part, 'pieces'> | null>(null);
  #busy = $state(false);
  #cleared = $state(false);
  #something = $state(false);
  #problem = $state.raw<Error | null>(null);
  /** The step whose place was not known. */
  #unknownStep = $state<number | null>(null);

  /** The panel, which brings itself into sight. */
  #shown = (): void => {};

  constructor(private readonly feed: ConsoleFeed) {}

  get state(): ViewState {
    return this.#state;
  }

  /** The part of the file that is shown; null: the end, live. */
  get part(): Omit<Part, 'pieces'> | null {
    return this.#part;
  }

  get busy(): boolean {
    return this.#busy;
  }

  get cleared(): boolean {
    return this.#cleared;
  }

  /** There was output. */
  get something(): boolean {
    return this.#something;
  }

  get problem(): Error | null {
    return this.#problem;
  }

  get unknownStep(): number | null {
    return this.#unknownStep;
  }

  take(state: ViewState): void {
    this.#state = state;
  }

  /** Show the log in `view` from now on; returns what ends it. */
  open(view: LogView): () => void {
    this.#view = view;
    this.#follow();
    const unguide = this.feed.guide(place => {
      this.#shown();
      void this.show(place);
    });
    return () => {
      unguide();
      this.#detach();
      this.#view = null;
    };
  }

  /** Hear when somebody else asked for a place. */
  onShown(listener: () => void): () => void {
    this.#shown = listener;
    return () => (this.#shown = () => {});
  }

  #follow(): void {
    this.#detach = this.feed.attach((pieces, done) => {
      this.#something = true;
      if (this.#view) this.#view.write(pieces, done);
      else done();
    });
  }

  /** Go to a byte of the file or to a step, wherever that is. */
  async show(place: LogPlace): Promise<void> {
    await this.#do(async () => {
      this.#unknownStep = null;
      let { offset } = place;
      if (offset === undefined) {
        const path = `runs/${encodeURIComponent(this.feed.runId)}/console/place`;
        const found = await get<StepPlace>(path, { step: place.step });
        if (found.offset === null) {
          this.#unknownStep = place.step ?? null;
          return;
        }
        offset = found.offset;
      }
      if (this.#view?.reveal(offset)) return;
      await this.#showPart(offset - BEFORE, PART, offset, true);
    });
  }

  async backToLive(): Promise<void> {
    if (!this.#part && !this.#cleared) return this.#view?.toEnd();
    await this.#do(async () => {
      this.#detach();
      const pieces = await this.feed.again();
      this.#part = null;
      this.#cleared = false;
      await this.#view?.replace(pieces, null);
      this.#follow();
    });
  }

  /** The lines before those that can be scrolled to. */
  async earlier(): Promise<void> {
    const first = this.#part?.from ?? this.#view?.firstOffset ?? 0;
    if (first <= 0) return;
    const keep = this.#view?.topOffset ?? first;
    await this.#do(() => this.#showPart(first - FURTHER, FURTHER + PART, keep, false));
  }

  async later(): Promise<void> {
    const part = this.#part;
    if (!part || part.to >= part.total) return;
    const keep = this.#view?.topOffset ?? part.to;
    await this.#do(() => this.#showPart(part.to - PART, PART + FURTHER, keep, false));
  }

  /** Nothing of what came until now is shown; the file stays as it is. */
  clear(): void {
    this.#cleared = true;
    if (this.#part) {
      this.#part = null;
      this.#follow();
    }
    this.#view?.clear();
  }

  top(): void {
    if (this.#view?.isAtTop && (this.#view.firstOffset ?? 0) > 0)
      void this.#do(() => this.#showPart(0, PART, 0, false));
    else this.#view?.toTop();
  }

  bottom(): void {
    if (this.#part) void this.backToLive();
    else this.#view?.toEnd();
  }

  page(direction: 1 | -1): void {
    if (direction < 0 && this.#view?.isAtTop) void this.earlier();
    else if (direction > 0 && this.#part && this.#view?.isAtEnd) void this.later();
    else this.#view?.page(direction);
  }

  /** The wheel wants more than is there: in a part of the file there may be more. */
  edge(direction: 1 | -1): void {
    if (!this.#part || this.#busy) return;
    void (direction < 0 ? this.earlier() : this.later());
  }

  async #showPart(from: number, limit: number, offset: number, point: boolean): Promise<void> {
    const { pieces, ...part } = await this.feed.part(from, limit);
    this.#detach();
    this.#part = part;
    this.#cleared = false;
    await this.#view?.replace(pieces, offset, point);
  }

  async #do(work: () => Promise<void>): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    this.#problem = null;
    try {
      await work();
    } catch (error) {
      this.#problem = error as Error;
      if (!this.#part) this.#follow();
    } finally {
      this.#busy = false;
    }
  }
}
