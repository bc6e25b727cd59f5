/** The config file while somebody edits it: kept over a refresh, compared with the disk, saved. Upstream: the editor dialog. Downstream: PUT /runs/{id}/config. */
import { ApiError } from '../net/api';
import { atLine, type Rules, type TextProblem } from '../editor/check';
import type { ConfigDiff } from '../wire/generated';
import { rememberDraft, storedDraft } from './drafts';
import { readDiff, readRules, writeConfig } from './steering';

export class ConfigDraft {
  /** The file as it was when the editing began, or was last saved. */
  #base = $state.raw<ConfigDiff | null>(null);
  /** The file as somebody else left it meanwhile; null while it is the same. */
  #disk = $state.raw<ConfigDiff | null>(null);
  #text = $state('');
  #rules = $state.raw<Rules | null>(null);
  #problem = $state.raw<Error | null>(null);
  #saving = $state(false);
  #saved = $state(false);
  #restored = $state(false);
  #refused = $state.raw<readonly TextProblem[]>([]);

  readonly dirty = $derived(this.#base !== null && this.#text !== (this.#base.text ?? ''));

  constructor(readonly runId: string) {}

  get base(): ConfigDiff | null {
    return this.#base;
  }
  get disk(): ConfigDiff | null {
    return this.#disk;
  }
  get text(): string {
    return this.#text;
  }
  get rules(): Rules | null {
    return this.#rules;
  }
  get problem(): Error | null {
    return this.#problem;
  }
  get saving(): boolean {
    return this.#saving;
  }
  /** The last thing that happened was a save. */
  get saved(): boolean {
    return this.#saved;
  }
  /** What is edited was left unsaved before a refresh. */
  get restored(): boolean {
    return this.#restored;
  }
  /** What the server found wrong, by place. */
  get refused(): readonly TextProblem[] {
    return this.#refused;
  }

  async open(): Promise<void> {
    try {
      const [diff, schema] = await Promise.all([readDiff(this.runId), readRules(this.runId)]);
      this.#rules = schema.rules as Rules | null;
      const left = diff.editable ? storedDraft(sessionStorage, this.runId) : null;
      this.#text = left?.text ?? diff.text ?? '';
      this.#restored = left !== null && left.text !== diff.text;
      // What was edited was another file than the one that lies there now: both are offered.
      const other = this.#restored && left !== null && left.version !== diff.version;
      this.#base = other ? { ...diff, version: left.version } : diff;
      this.#disk = other ? diff : null;
    } catch (error) {
      this.#problem = error as Error;
    }
  }

  type(text: string): void {
    this.#text = text;
    this.#saved = this.#restored = false;
    this.#refused = [];
    this.#problem = null;
    rememberDraft(
      sessionStorage,
      this.runId,
      this.dirty ? { text, version: this.#base?.version ?? null } : null,
    );
  }

  /** Look whether the file on disk is another by now; true when the text was replaced, for nothing of it was edited. */
  async look(): Promise<boolean> {
    if (!this.#base || this.#saving) return false;
    let now: ConfigDiff;
    try {
      now = await readDiff(this.runId);
    } catch {
      return false; // the connection's own state tells
    }
    if (this.#saving || now.version === this.#base.version) {
      this.#disk = null;
      return false;
    }
    if (this.dirty) {
      this.#disk = now;
      return false;
    }
    this.#adopt(now);
    return true;
  }

  /** Write the file; what the server refuses is in `refused` and `problem`. */
  async save(): Promise<boolean> {
    const sent = this.#text;
    this.#saving = true;
    this.#refused = [];
    try {
      const kept = await writeConfig(this.runId, sent, this.#base?.version ?? null);
      if (this.#text === sent) {
        this.#adopt(kept);
        this.#saved = true;
      } else {
        // What was typed while it was saved is the next thing to save.
        this.#base = kept;
        this.type(this.#text);
      }
      return true;
    } catch (error) {
      this.#problem = error as Error;
      if (error instanceof ApiError) this.#refused = placed(error, this.#text);
      if (error instanceof ApiError && error.code === 'config_changed') {
        this.#problem = null;
        this.#disk = await readDiff(this.runId).catch(() => null);
      }
      return false;
    } finally {
      this.#saving = false;
    }
  }

  /** Of two texts that differ take the one on disk; what was typed is gone. */
  takeDisk(): void {
    if (this.#disk) this.#adopt(this.#disk);
  }

  /** Keep what was typed: the next save writes over what lies on the disk now. */
  keepMine(): void {
    if (this.#disk) this.#base = this.#disk;
    this.#disk = null;
    this.type(this.#text);
  }

  discard(): void {
    rememberDraft(sessionStorage, this.runId, null);
  }

  #adopt(diff: ConfigDiff): void {
    this.#base = diff;
    this.#disk = null;
    this.#text = diff.text ?? '';
    this.#problem = null;
    this.#restored = false;
    rememberDraft(sessionStorage, this.runId, null);
  }
}

/** The fields of a 422, each at its line. */
function placed(error: ApiError, text: string): TextProblem[] {
  return (error.problem.errors ?? []).flatMap(one => {
    if (typeof one.line !== 'number') return [];
    const key = typeof one.field === 'string' && one.field !== 'text' ? one.field : null;
    return [atLine(text, one.line, String(one.message ?? error.message), key)];
  });
}
