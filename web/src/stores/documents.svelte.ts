/** The folders of documents that became datasets: looked at while one is worked on. Upstream: the API. Downstream: the documents' panels. */
import { ApiError, fetchAnswer, get, post, remove } from '../net/api';
import { apiUrl } from '../net/base';
import type { IndexInfo, IndexOptions, IndexStarted, UploadedDocument } from '../wire/generated';

const BUSY_MS = 700;
const CALM_MS = 5_000;

export interface Sending {
  n: number;
  total: number;
  /** Percent of the bytes. */
  percent: number;
}

export class DocumentsStore {
  #all = $state.raw<IndexInfo[] | null>(null);
  #problem = $state.raw<Error | null>(null);
  #sending = $state.raw<Sending | null>(null);
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  get all(): IndexInfo[] | null {
    return this.#all;
  }
  /** Why the last thing that was asked was not done. */
  get problem(): Error | null {
    return this.#problem;
  }
  get sending(): Sending | null {
    return this.#sending;
  }

  /** Look now, and then again and again: often while something is worked on. */
  async watch(): Promise<void> {
    clearTimeout(this.#timer);
    try {
      if (!document.hidden || this.#all === null) this.#all = await get<IndexInfo[]>('knowledge');
    } catch (error) {
      if (this.#all === null) this.#problem = error as Error;
    }
    if (this.#closed) return;
    const busy = this.#all?.some(one => one.state === 'running');
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.watch(), busy ? BUSY_MS : CALM_MS);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  find(id: string): IndexInfo | null {
    return this.#all?.find(one => one.id === id) ?? null;
  }

  /** Begin to index a folder; the index's id, or null where that was refused. */
  start(path: string, name: string, options: IndexOptions | null): Promise<string | null> {
    return this.#ask(async () => {
      const body = { path, name: name.trim() || null, options };
      return (await post<IndexStarted>('knowledge', body)).index_id;
    });
  }

  cancel(id: string): Promise<IndexInfo | null> {
    return this.#ask(() => post<IndexInfo>(`knowledge/${encodeURIComponent(id)}/cancel`, {}));
  }

  async remove(id: string): Promise<boolean> {
    return (await this.#ask(() => remove(`knowledge/${encodeURIComponent(id)}`).then(() => true))) ?? false;
  }

  /** Send files into a folder of the server; its path, and what was not sent and why. */
  async send(folder: string, files: readonly File[]): Promise<{ path: string | null; refused: Refused[] }> {
    const all = files.reduce((sum, one) => sum + one.size, 0);
    const refused: Refused[] = [];
    let sent = 0;
    let path: string | null = null;
    for (const [n, file] of files.entries()) {
      this.#sending = { n: n + 1, total: files.length, percent: all ? (100 * sent) / all : 0 };
      try {
        const url = apiUrl('knowledge/documents', { folder, filename: file.name });
        const headers = { 'content-type': 'application/octet-stream', accept: 'application/json' };
        const answer = await fetchAnswer(url, { method: 'POST', headers, body: file });
        path = ((await answer.json()) as UploadedDocument).folder;
      } catch (error) {
        refused.push({ name: file.name, error: error as Error });
      }
      sent += file.size;
    }
    this.#sending = null;
    return { path, refused };
  }

  async #ask<T>(question: () => Promise<T>): Promise<T | null> {
    this.#problem = null;
    try {
      return await question();
    } catch (error) {
      this.#problem = error as Error;
      return null;
    } finally {
      void this.watch();
    }
  }
}

export interface Refused {
  name: string;
  error: Error;
}

/** Whether a document was not sent because it is on the server already. */
export function isThere(error: Error): boolean {
  return error instanceof ApiError && error.code === 'dataset_exists';
}

/** Percent of the part of the work that is going on; null while nobody knows of how much. */
export function percentOf(index: IndexInfo): number | null {
  const { files_done, files_total } = index.progress;
  return files_total === null ? null : files_total === 0 ? 100 : (100 * files_done) / files_total;
}
