/** A profile's file while somebody edits it: kept over a refresh, checked by the server as it is typed, saved by its version. Upstream: the editor dialog. Downstream: /profiles. */
import { atLine, problemsOf, type TextProblem } from '../editor/check';
import { told } from '../i18n/told';
import { ApiError, get, post, put } from '../net/api';
import type { ProfileFile, ProfileInfo } from '../wire/generated';
import { profileDraft, rememberDraft, storedDraft } from './drafts';

/** Milliseconds without a keystroke before the server is asked. */
const SETTLED_MS = 300;
/** Where the text lies is said above it, not in each line. */
const PLACE = /^.*?\.ya?ml, line \d+: /;

export class ProfileDraft {
  #base = $state.raw<ProfileFile | null>(null);
  /** The file as somebody else left it meanwhile; null while it is the same. */
  #disk = $state.raw<ProfileFile | null>(null);
  #gone = $state(false);
  #text = $state('');
  #problem = $state.raw<Error | null>(null);
  #saving = $state(false);
  #saved = $state(false);
  #restored = $state(false);
  #checked = $state.raw<ProfileInfo | null>(null);
  #timer: number | null = null;
  #abort: AbortController | null = null;
  readonly dirty = $derived(this.#base !== null && (this.#gone || this.#text !== this.#base.text));

  constructor(
    readonly id: string,
    /** Told what the server finds in the text, by place. */
    readonly onchecked: (problems: TextProblem[]) => void,
  ) {}

  get base(): ProfileFile | null {
    return this.#base;
  }
  get disk(): ProfileFile | null {
    return this.#disk;
  }
  /** Somebody deleted it meanwhile: saving makes it anew. */
  get gone(): boolean {
    return this.#gone;
  }
  get text(): string {
    return this.#text;
  }
  get problem(): Error | null {
    return this.#problem;
  }
  get saving(): boolean {
    return this.#saving;
  }
  get saved(): boolean {
    return this.#saved;
  }
  get restored(): boolean {
    return this.#restored;
  }
  /** What is right in the file and still lacks something on this machine. */
  get lacks(): string | null {
    return this.#checked && this.#checked.engine !== 'unknown' ? this.#checked.problem : null;
  }

  async open(): Promise<void> {
    try {
      const file = await this.#read();
      const left = storedDraft(sessionStorage, profileDraft(this.id));
      this.#text = left?.text ?? file.text;
      this.#restored = left !== null && left.text !== file.text;
      const other = this.#restored && left !== null && left.version !== file.version;
      this.#base = other ? { ...file, version: left.version ?? '' } : file;
      this.#disk = other ? file : null;
      this.#ask(0);
    } catch (error) {
      this.#problem = error as Error;
    }
  }

  type(text: string): void {
    this.#text = text;
    this.#saved = this.#restored = false;
    this.#problem = null;
    this.#keep();
    this.#ask(SETTLED_MS);
  }

  /** Write the file; null where the server refused, which `problem` or `disk` tells. */
  async save(): Promise<ProfileInfo | null> {
    const sent = this.#text;
    this.#saving = true;
    try {
      const kept = this.#gone
        ? await post<ProfileInfo>('profiles', { id: this.id, text: sent })
        : await put<ProfileInfo>(this.#place(), { text: sent, version: this.#base?.version ?? null });
      this.#base = {
        ...this.#base!,
        text: sent,
        version: kept.version ?? '',
        builtin: false,
        file: kept.file,
      };
      this.#disk = this.#problem = null;
      this.#gone = this.#restored = false;
      this.#saved = this.#text === sent;
      this.#keep();
      return kept;
    } catch (error) {
      await this.#refused(error as Error);
      return null;
    } finally {
      this.#saving = false;
    }
  }

  /** Of two texts that differ take the one on disk; what was typed is gone. */
  takeDisk(): void {
    if (!this.#disk) return;
    this.#base = this.#disk;
    this.#text = this.#disk.text;
    this.#disk = null;
    this.#restored = false;
    this.#keep();
    this.#ask(0);
  }

  /** Keep what was typed: the next save writes over what lies on the disk now. */
  keepMine(): void {
    if (this.#disk) this.#base = this.#disk;
    this.#disk = null;
    this.#keep();
  }

  discard(): void {
    rememberDraft(sessionStorage, profileDraft(this.id), null);
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#abort?.abort();
  }

  async #refused(error: Error): Promise<void> {
    this.#problem = error;
    if (!(error instanceof ApiError)) return;
    if (error.code === 'config_changed') {
      this.#problem = null;
      try {
        this.#disk = await this.#read();
      } catch (now) {
        this.#gone = now instanceof ApiError && now.status === 404;
        if (!this.#gone) this.#problem = now as Error;
      }
    } else if (error.problem.errors?.some(one => typeof one.line === 'number')) {
      this.#ask(0); // its lines are marked in the text
    }
  }

  #ask(wait: number): void {
    this.close();
    this.#timer = window.setTimeout(() => void this.#check(), wait);
  }

  async #check(): Promise<void> {
    const abort = (this.#abort = new AbortController());
    const text = this.#text;
    try {
      const found = await post<ProfileInfo>('profiles/check', { id: this.id, text }, abort.signal);
      if (abort.signal.aborted || text !== this.#text) return;
      this.#checked = found;
      // What is no YAML at all the editor itself tells, in its place.
      const wrong = found.engine === 'unknown' && !problemsOf(text, null).length ? found.problems : [];
      this.onchecked(
        wrong.map(one => atLine(text, one.line ?? 1, told(one.message.replace(PLACE, '')), one.field)),
      );
    } catch {
      // The connection's own state tells; saving asks again.
    }
  }

  #keep(): void {
    const draft = this.dirty ? { text: this.#text, version: this.#base?.version ?? null } : null;
    rememberDraft(sessionStorage, profileDraft(this.id), draft);
  }

  #read(): Promise<ProfileFile> {
    return get<ProfileFile>(`${this.#place()}/file`);
  }

  #place(): string {
    return `profiles/${encodeURIComponent(this.id)}`;
  }
}
