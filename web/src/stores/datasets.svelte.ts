/** The datasets as the catalog shows them, what is added and taken away. Upstream: HTTP. Downstream: the catalog. */
import { erase, get, post, put } from '../net/api';
import { upload } from '../net/upload';
import type { DatasetInfo, DatasetRules, ProfileInfo, RemovedDataset } from '../wire/generated';

/** Milliseconds between looks while a large file is read beside the server. */
const LOOK_MS = 1500;
const place = (id: string): string => `datasets/${encodeURIComponent(id)}`;

export interface Sending {
  name: string;
  /** Bytes. */
  sent: number;
  total: number;
}

export class DatasetsStore {
  #all = $state.raw<readonly DatasetInfo[] | null>(null);
  #rules = $state.raw<DatasetRules | null>(null);
  #trash = $state.raw<readonly RemovedDataset[]>([]);
  #profiles = $state.raw<readonly ProfileInfo[]>([]);
  #problem = $state.raw<Error | null>(null);
  #sending = $state.raw<Sending | null>(null);
  #timer: number | null = null;
  #abort: AbortController | null = null;
  #closed = false;

  /** Null until they are known. */
  get all(): readonly DatasetInfo[] | null {
    return this.#all;
  }

  get rules(): DatasetRules | null {
    return this.#rules;
  }

  get trash(): readonly RemovedDataset[] {
    return this.#trash;
  }

  get profiles(): readonly ProfileInfo[] {
    return this.#profiles;
  }

  /** Why the last thing that was asked for did not happen. */
  get problem(): Error | null {
    return this.#problem;
  }

  /** The file that is on its way. */
  get sending(): Sending | null {
    return this.#sending;
  }

  find(id: string): DatasetInfo | null {
    return this.#all?.find(one => one.id === id) ?? null;
  }

  async load(): Promise<void> {
    await this.#do(async () => {
      const [all, rules, trash, profiles] = await Promise.all([
        get<DatasetInfo[]>('datasets'),
        get<DatasetRules>('dataset_rules'),
        get<RemovedDataset[]>('trash/datasets'),
        get<ProfileInfo[]>('profiles'),
      ]);
      this.#all = all;
      this.#rules = rules;
      this.#trash = trash;
      this.#profiles = profiles;
    });
    this.#lookLater();
  }

  close(): void {
    this.#closed = true;
    this.#abort?.abort();
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  /** Send one file; its id when it is whole, null when it was broken off or refused. */
  async send(file: File): Promise<string | null> {
    const abort = (this.#abort = new AbortController());
    this.#sending = { name: file.name, sent: 0, total: file.size };
    const made = await this.#do(async () => {
      try {
        const sent = (count: number): void => {
          this.#sending = { name: file.name, sent: count, total: file.size };
        };
        return await upload<DatasetInfo>(
          'datasets/upload',
          { filename: file.name },
          file,
          sent,
          abort.signal,
        );
      } catch (error) {
        if (abort.signal.aborted) return null;
        throw error;
      }
    });
    this.#sending = null;
    if (!this.#closed) await this.#reload();
    return made?.id ?? null;
  }

  /** Break the sending off; the server keeps nothing of it. */
  breakOff(): void {
    this.#abort?.abort();
  }

  async addPath(path: string): Promise<string | null> {
    const made = await this.#do(() => post<DatasetInfo>('datasets', { path }));
    await this.#reload();
    return made?.id ?? null;
  }

  async describe(id: string, name: string, description: string): Promise<void> {
    await this.#do(() => put<DatasetInfo>(place(id), { name, description }));
    await this.#reload();
  }

  async remove(id: string): Promise<void> {
    await this.#do(() => erase<RemovedDataset>(place(id)));
    await this.#reload();
  }

  async restore(entry: string): Promise<string | null> {
    const path = `trash/datasets/${encodeURIComponent(entry)}/restore`;
    const back = await this.#do(() => post<DatasetInfo>(path, {}));
    await this.#reload();
    return back?.id ?? null;
  }

  #lookLater(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#closed || !this.#all?.some(one => one.counting)) return;
    this.#timer = window.setTimeout(() => void this.#look(), LOOK_MS);
  }

  async #look(): Promise<void> {
    try {
      this.#all = await get<DatasetInfo[]>('datasets');
    } catch {
      // The connection's own state tells.
    }
    this.#lookLater();
  }

  /** Look again, and leave a problem in sight. */
  async #reload(): Promise<void> {
    const problem = this.#problem;
    await this.load();
    this.#problem ??= problem;
  }

  async #do<T>(work: () => Promise<T>): Promise<T | null> {
    this.#problem = null;
    try {
      return await work();
    } catch (error) {
      this.#problem = error as Error;
      return null;
    }
  }
}
