/** A resume or fork while it is thought over: what was chosen, and what it would do. Upstream: the depart dialog. */
import type { ResumePreview, StartAnswer } from '../wire/generated';
import { depart, preview, type Departure } from './steering';
import { parseValue, typedValue } from './values';

/** Milliseconds without a keystroke before the server is asked again. */
const SETTLED_MS = 300;

export interface Override {
  id: number;
  key: string;
  value: string;
}

export class DepartureStore {
  kind = $state<Departure>('resume');
  /** A folder; empty is the newest that verifies. */
  checkpoint = $state('');
  name = $state('');
  overrides = $state<Override[]>([]);
  /** Take over what the config file says otherwise. */
  fromFile = $state(false);

  #preview = $state.raw<ResumePreview | null>(null);
  #newest = $state<number | null>(null);
  #problem = $state.raw<Error | null>(null);
  #asking = $state(false);
  #leaving = $state(false);
  #nextId = 0;
  #timer: number | null = null;
  #abort: AbortController | null = null;

  constructor(
    readonly runId: string,
    chosen: {
      kind: Departure;
      checkpoint: string | null;
      overrides: Record<string, unknown>;
      fromFile?: boolean;
    },
  ) {
    this.kind = chosen.kind;
    this.fromFile = chosen.fromFile ?? false;
    this.checkpoint = chosen.checkpoint ?? '';
    for (const [key, value] of Object.entries(chosen.overrides)) this.add(key, typedValue(value));
  }

  get preview(): ResumePreview | null {
    return this.#preview;
  }

  /** The step of the newest checkpoint that verifies, as the last preview that was left to choose found it. */
  get newest(): number | null {
    return this.#newest;
  }

  get problem(): Error | null {
    return this.#problem;
  }

  /** The preview shown may be older than what is chosen. */
  get asking(): boolean {
    return this.#asking;
  }

  get leaving(): boolean {
    return this.#leaving;
  }

  /** Whether what is chosen was shown and found possible: nothing is started unseen. */
  get ready(): boolean {
    return !this.#asking && !this.#leaving && this.#preview?.possible === true && this.#problem === null;
  }

  add(key = '', value = ''): void {
    this.overrides.push({ id: this.#nextId++, key, value });
  }

  remove(id: number): void {
    this.overrides = this.overrides.filter(one => one.id !== id);
  }

  /** What is chosen, as the server takes it; lines without a key or a value are not chosen yet. */
  get request(): { checkpoint: string | null; overrides: Record<string, unknown>; from_file: boolean } {
    const complete = this.overrides
      .map(one => [one.key.trim(), parseValue(one.value)] as const)
      .filter(([key, value]) => key !== '' && value !== undefined);
    const overrides = Object.fromEntries(complete);
    return { checkpoint: this.checkpoint || null, overrides, from_file: this.fromFile };
  }

  /** Ask what it would do, once the typing has settled. */
  ask(): void {
    this.close();
    this.#asking = true;
    this.#timer = window.setTimeout(() => void this.#ask(), this.#preview === null ? 0 : SETTLED_MS);
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#abort?.abort();
  }

  async #ask(): Promise<void> {
    const abort = (this.#abort = new AbortController());
    try {
      const request = this.request;
      const found = await preview(this.runId, this.kind, request, abort.signal);
      if (abort.signal.aborted) return;
      this.#preview = found;
      if (request.checkpoint === null) this.#newest = found.step;
      this.#problem = null;
    } catch (error) {
      if (abort.signal.aborted) return;
      this.#problem = error as Error;
    }
    this.#asking = false;
  }

  /** Do it; null when the server refused, which `problem` tells. */
  async go(): Promise<StartAnswer | null> {
    this.#leaving = true;
    try {
      const request = this.request;
      const named = this.kind === 'fork' ? { ...request, name: this.name.trim() || null } : request;
      return await depart(this.runId, this.kind, named);
    } catch (error) {
      this.#problem = error as Error;
      return null;
    } finally {
      this.#leaving = false;
    }
  }
}
