/** One export from the page: what is fetched, packed and saved, and how far it is. Upstream: the dialog. Downstream: a file. */
import { pictures } from '../charts/pictures';
import { download, fetchFile, leaveToBrowser, type Fetched } from '../net/download';
import { unreachable } from '../unreachable';
import type { Kinds } from './archive';

export type What = 'all' | 'csv' | 'json' | 'charts' | 'log';

/** More than this does not pass through the page: the browser fetches it by itself, and charts are a second file. */
export const PAGE_BYTES = 256 << 20;

export type Outcome =
  | { kind: 'saved'; name: string; bytes: number }
  | { kind: 'browser'; charts: string | null }
  | { kind: 'nothing' };

interface Picker {
  showSaveFilePicker?: (options: { suggestedName: string }) => Promise<{
    name: string;
    createWritable: () => Promise<WritableStream & { write: (data: Blob) => Promise<void> }>;
  }>;
}

export const canChoosePlace = (): boolean => typeof (window as Picker).showSaveFilePicker === 'function';

export class Exporting {
  #busy = $state(false);
  #bytes = $state(0);
  #outcome = $state.raw<Outcome | null>(null);
  #problem = $state.raw<Error | null>(null);
  #abort: AbortController | null = null;

  constructor(
    readonly runId: string,
    /** The beginning of a file's name that the server does not give. */
    readonly stem: string,
  ) {}

  get busy(): boolean {
    return this.#busy;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get outcome(): Outcome | null {
    return this.#outcome;
  }

  get problem(): Error | null {
    return this.#problem;
  }

  /** `chosen`: ask where to, by the browser's own dialog. */
  async start(what: What, kinds: Kinds, logBytes: number, chosen: boolean): Promise<void> {
    if (this.#busy) return;
    [this.#busy, this.#bytes, this.#outcome, this.#problem] = [true, 0, null, null];
    this.#abort = new AbortController();
    try {
      this.#outcome = await this.#run(what, kinds, logBytes, chosen);
    } catch (error) {
      if (!this.#abort.signal.aborted)
        this.#problem = error instanceof Error ? error : new Error(String(error));
    } finally {
      this.#busy = false;
    }
  }

  cancel(): void {
    this.#abort?.abort();
  }

  async #run(what: What, kinds: Kinds, logBytes: number, chosen: boolean): Promise<Outcome> {
    // The dialog that asks for a place must come with the click, before anything is fetched.
    const place = chosen ? await this.#place(what) : null;
    if (place === 'cancelled') return { kind: 'nothing' };
    const file = await this.#make(what, kinds, logBytes, place ? Infinity : PAGE_BYTES);
    if (file === null) return this.#leave(what, kinds);
    if (place === null) {
      download(file);
      return { kind: 'saved', name: file.name, bytes: file.blob.size };
    }
    const writable = await place.createWritable();
    await writable.write(file.blob);
    await writable.close();
    return { kind: 'saved', name: place.name, bytes: file.blob.size };
  }

  async #make(what: What, kinds: Kinds, logBytes: number, limit: number): Promise<Fetched | null> {
    switch (what) {
      case 'charts':
        return this.#charts(kinds);
      case 'csv':
      case 'json':
        return this.#fetch(what, limit);
      case 'log':
        return logBytes > limit ? null : this.#fetch('log', limit);
      case 'all': {
        // A log packs to a tenth of its size or less, but nobody knows before.
        const file = logBytes > limit ? null : await this.#fetch('zip', limit);
        return file && { name: file.name, blob: await this.#withCharts(file.blob, kinds) };
      }
      default:
        unreachable(what);
        return null;
    }
  }

  #fetch(format: string, limit: number): Promise<Fetched | null> {
    return fetchFile(
      this.#path,
      { format },
      {
        limit,
        progress: bytes => (this.#bytes = bytes),
        signal: this.#abort!.signal,
      },
    );
  }

  async #withCharts(archive: Blob, kinds: Kinds): Promise<Blob> {
    const shown = kinds.png || kinds.svg ? pictures() : [];
    if (!shown.length) return archive;
    const { added, chartFiles } = await import('./archive');
    return added(archive, await chartFiles(shown, kinds));
  }

  async #charts(kinds: Kinds): Promise<Fetched> {
    const { archiveOf, chartFiles } = await import('./archive');
    return { name: `${this.stem}-charts.zip`, blob: archiveOf(await chartFiles(pictures(), kinds)) };
  }

  /** Too large for the page: the browser fetches the server's file, and charts come as one of their own. */
  async #leave(what: What, kinds: Kinds): Promise<Outcome> {
    leaveToBrowser(this.#path, { format: what === 'all' ? 'zip' : what });
    if (what !== 'all' || !(kinds.png || kinds.svg) || !pictures().length)
      return { kind: 'browser', charts: null };
    const charts = await this.#charts(kinds);
    download(charts);
    return { kind: 'browser', charts: charts.name };
  }

  async #place(what: What) {
    const suffix = what === 'all' || what === 'charts' ? 'zip' : what;
    const suggestedName = `${this.stem}${what === 'charts' ? '-charts' : ''}.${suffix}`;
    try {
      return await (window as Picker).showSaveFilePicker!({ suggestedName });
    } catch (error) {
      if (error instanceof DOMException && error.name === 'AbortError') return 'cancelled' as const;
      throw error;
    }
  }

  get #path(): string {
    return `runs/${encodeURIComponent(this.runId)}/export`;
  }
}
