/** Unsaved edits of config files, kept by the browser's tab until they are saved or discarded. Upstream: ConfigDraft. */

const PREFIX = 'gladius_config_draft:';

export interface Draft {
  text: string;
  /** Of the file that was edited. */
  version: string | null;
}

export function storedDraft(storage: Pick<Storage, 'getItem'>, runId: string): Draft | null {
  try {
    const found: unknown = JSON.parse(storage.getItem(PREFIX + runId) ?? 'null');
    if (typeof found !== 'object' || found === null) return null;
    const { text, version } = found as Record<string, unknown>;
    return typeof text === 'string' ? { text, version: typeof version === 'string' ? version : null } : null;
  } catch {
    return null;
  }
}

/** Keep a draft; null forgets it. */
export function rememberDraft(
  storage: Pick<Storage, 'setItem' | 'removeItem'>,
  runId: string,
  draft: Draft | null,
): void {
  try {
    if (draft) storage.setItem(PREFIX + runId, JSON.stringify(draft));
    else storage.removeItem(PREFIX + runId);
  } catch {
    // A full or forbidden storage costs only the memory over a refresh.
  }
}
