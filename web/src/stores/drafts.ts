/** Unsaved edits of config files and profiles, kept by the browser's tab until they are saved or discarded. Upstream: ConfigDraft, ProfileDraft. */
import { keep, keptFields } from '../kept';

const PREFIX = 'gladius_config_draft:';

export interface Draft {
  text: string;
  /** Of the file that was edited. */
  version: string | null;
}

export function storedDraft(storage: Pick<Storage, 'getItem'>, runId: string): Draft | null {
  const { text, version } = keptFields(PREFIX + runId, storage);
  return typeof text === 'string' ? { text, version: typeof version === 'string' ? version : null } : null;
}

/** Keep a draft; null forgets it. */
export function rememberDraft(
  storage: Pick<Storage, 'setItem' | 'removeItem'>,
  runId: string,
  draft: Draft | null,
): void {
  keep(PREFIX + runId, draft, storage);
}

/** Under what a profile's unsaved text is kept; no run's id has a colon. */
export const profileDraft = (id: string): string => `profile:${id}`;
