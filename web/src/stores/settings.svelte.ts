/** The server's settings: read when they are shown, written when somebody saves. Upstream: HTTP. Downstream: the settings' forms. */
import { ApiError, get, put } from '../net/api';
import type { Settings, Thresholds } from '../wire/generated';

export type Field = keyof Thresholds;

class SettingsStore {
  #answer = $state.raw<Settings | null>(null);
  #problem = $state.raw<Error | null>(null);

  get answer(): Settings | null {
    return this.#answer;
  }

  get problem(): Error | null {
    return this.#problem;
  }

  /** Another browser may have changed them: they are read each time they are shown. */
  async load(): Promise<void> {
    try {
      this.#answer = await get<Settings>('settings');
      this.#problem = null;
    } catch (error) {
      this.#problem = error as Error;
    }
  }

  /** Throws what the server says against it: see `wrongFields`. */
  async save(alerts: Thresholds): Promise<void> {
    this.#answer = await put<Settings>('settings', { alerts });
  }
}

export const settings = new SettingsStore();

/** What the server says against each threshold: field -> its words. */
export function wrongFields(error: unknown): Partial<Record<Field, string>> {
  if (!(error instanceof ApiError)) return {};
  const found: Partial<Record<string, string>> = {};
  for (const one of error.problem.errors ?? []) {
    const field = String(one.field ?? '').replace(/^alerts\./, '');
    found[field] ??= String(one.message ?? '');
  }
  return found;
}
