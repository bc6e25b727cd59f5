/** Users and tokens as the server has them: each change is asked for, and then read again. Upstream: HTTP. Downstream: the pages of the admins. */
import { get, patch, post, remove } from '../net/api';
import type {
  SignInLink,
  TokenInfo,
  TokenMade,
  TokenRequest,
  UserAdded,
  UserInfo,
  UserPatch,
  UserRequest,
} from '../wire/generated';

const user = (name: string): string => `users/${encodeURIComponent(name)}`;

class People {
  #users = $state.raw<UserInfo[] | null>(null);
  #tokens = $state.raw<TokenInfo[] | null>(null);
  #problem = $state.raw<Error | null>(null);
  #busy = $state(false);

  /** Null until they are known. */
  get users(): UserInfo[] | null {
    return this.#users;
  }

  get tokens(): TokenInfo[] | null {
    return this.#tokens;
  }

  /** What the server said against the last thing that was asked. */
  get problem(): Error | null {
    return this.#problem;
  }

  get busy(): boolean {
    return this.#busy;
  }

  async load(): Promise<void> {
    await this.#do(async () => {});
  }

  /** Throws what the server says against a field. */
  async add(wanted: UserRequest): Promise<UserAdded> {
    const made = await post<UserAdded>('users', wanted);
    await this.load();
    return made;
  }

  change(name: string, wanted: UserPatch): Promise<boolean> {
    return this.#do(() => patch<UserInfo>(user(name), wanted));
  }

  drop(name: string): Promise<boolean> {
    return this.#do(() => remove(user(name)));
  }

  async link(name: string): Promise<SignInLink | null> {
    let made: SignInLink | null = null;
    await this.#do(async () => (made = await post<SignInLink>(`${user(name)}/link`, {})));
    return made;
  }

  /** Throws what the server says against a field. */
  async make(wanted: TokenRequest): Promise<TokenMade> {
    const made = await post<TokenMade>('tokens', wanted);
    await this.load();
    return made;
  }

  revoke(id: string): Promise<boolean> {
    return this.#do(() => remove(`tokens/${encodeURIComponent(id)}`));
  }

  /** Ask, then read what holds now, also after a refusal; whether it was done. */
  async #do(work: () => Promise<unknown>): Promise<boolean> {
    this.#busy = true;
    let refused: Error | null = null;
    try {
      await work();
    } catch (error) {
      refused = error as Error;
    }
    try {
      [this.#users, this.#tokens] = await Promise.all([get<UserInfo[]>('users'), get<TokenInfo[]>('tokens')]);
    } catch (error) {
      refused ??= error as Error;
    }
    this.#problem = refused;
    this.#busy = false;
    return refused === null;
  }
}

export const people = new People();
