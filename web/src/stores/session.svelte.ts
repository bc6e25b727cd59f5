/** Who is signed in here, what their role reaches, and whether the server still knows them. Upstream: HTTP, the socket. Downstream: buttons, menu, settings. */
import { t } from '../i18n/index.svelte';
import { get, onSignedOut } from '../net/api';
import { Newest } from '../net/newest';
import type { SessionAnswer } from '../wire/generated';

export type Role = SessionAnswer['role'];

const ROLES: readonly Role[] = ['viewer', 'operator', 'admin'];

class SessionStore {
  #answer = $state.raw<SessionAnswer | null>(null);
  #ended = $state(false);
  #answers = new Newest();

  constructor() {
    onSignedOut(() => (this.#ended = true));
  }

  get answer(): SessionAnswer | null {
    return this.#answer;
  }

  /** Whether the server answers no more because nobody is signed in; what is on the page stays. */
  get ended(): boolean {
    return this.#ended;
  }

  /** The name of who is signed in; the owner of the home has none. */
  get name(): string {
    if (!this.#answer) return '—';
    return this.#answer.name ?? t('role.owner');
  }

  async load(): Promise<void> {
    const asked = this.#answers.ask();
    let answer: SessionAnswer;
    try {
      answer = await get<SessionAnswer>('session');
    } catch {
      // The menu says less; what keeps the server from answering shows elsewhere.
      return;
    }
    if (!asked.isNews()) return;
    const before = this.#answer;
    this.#answer = answer;
    this.#ended = false;
    // What lies on the page was another person's.
    if (before && before.name !== answer.name) location.reload();
  }

  /** Whether the role reaches `need`. Until it is known it does: the server refuses by itself. */
  may(need: Role): boolean {
    return !this.#answer || ROLES.indexOf(this.#answer.role) >= ROLES.indexOf(need);
  }

  /** Why something that needs a role cannot be done; empty when it can. */
  reason(need: Role): string {
    if (this.may(need)) return '';
    return t('role.needed', {
      need: t(`role.${need}`).toLowerCase(),
      yours: t(`role.${this.#answer!.role}`).toLowerCase(),
    });
  }
}

export const session = new SessionStore();
