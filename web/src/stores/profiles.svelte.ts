/** The profiles as the catalog shows them, and what a person does to them. Upstream: HTTP. Downstream: the catalog. */
import { erase, get, post } from '../net/api';
import type { PresetInfo, ProfileInfo, ProfileNew, TrashedProfile } from '../wire/generated';

const place = (id: string): string => `profiles/${encodeURIComponent(id)}`;

export class ProfilesStore {
  #all = $state.raw<readonly ProfileInfo[] | null>(null);
  #presets = $state.raw<readonly PresetInfo[]>([]);
  #trash = $state.raw<readonly TrashedProfile[]>([]);
  #problem = $state.raw<Error | null>(null);

  /** Null until they are known. */
  get all(): readonly ProfileInfo[] | null {
    return this.#all;
  }

  get presets(): readonly PresetInfo[] {
    return this.#presets;
  }

  get trash(): readonly TrashedProfile[] {
    return this.#trash;
  }

  /** Why the last thing that was asked for did not happen. */
  get problem(): Error | null {
    return this.#problem;
  }

  find(id: string): ProfileInfo | null {
    return this.#all?.find(one => one.id === id) ?? null;
  }

  async load(): Promise<void> {
    await this.#do(async () => {
      const [all, presets, trash] = await Promise.all([
        get<ProfileInfo[]>('profiles'),
        get<PresetInfo[]>('presets'),
        get<TrashedProfile[]>('trash/profiles'),
      ]);
      this.#all = all;
      this.#presets = presets;
      this.#trash = trash;
    });
  }

  /** Keep a new one; what the server refuses is thrown, for it belongs to the dialog that asked. */
  async add(body: ProfileNew): Promise<ProfileInfo> {
    const made = await post<ProfileInfo>('profiles', body);
    await this.load();
    return made;
  }

  async remove(profile: ProfileInfo): Promise<void> {
    await this.#do(() => erase(place(profile.id), profile.version));
    await this.#reload();
  }

  /** The id of what came back; null where it did not. */
  async restore(entry: string): Promise<string | null> {
    const back = await this.#do(() =>
      post<ProfileInfo>(`trash/profiles/${encodeURIComponent(entry)}/restore`, {}),
    );
    await this.#reload();
    return back?.id ?? null;
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
