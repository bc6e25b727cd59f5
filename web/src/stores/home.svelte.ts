/** What is wrong with the home's disk and files, looked at every few seconds while the page is seen. Upstream: HTTP. Downstream: the banner. */
import { get } from '../net/api';
import type { HomeAnswer, HomeProblem } from '../wire/generated';

const EVERY_MS = 5000;

class HomeStore {
  #problems = $state.raw<readonly HomeProblem[]>([]);
  /** What somebody has read and put away: gone from here it would be news again. */
  #hidden = $state.raw<readonly string[]>([]);
  readonly shown = $derived(this.#problems.filter(one => !this.#hidden.includes(nameOf(one))));

  start(): void {
    void this.#look();
    setInterval(() => {
      if (!document.hidden) void this.#look();
    }, EVERY_MS);
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) void this.#look();
    });
  }

  hide(): void {
    this.#hidden = this.#problems.map(nameOf);
  }

  async #look(): Promise<void> {
    try {
      this.#problems = (await get<HomeAnswer>('home')).problems;
    } catch {
      return; // what keeps the server from answering shows elsewhere
    }
    const now = this.#problems.map(nameOf);
    if (this.#hidden.some(name => !now.includes(name)))
      this.#hidden = this.#hidden.filter(name => now.includes(name));
  }
}

const nameOf = (one: HomeProblem): string => `${one.message} ${one.line ?? ''}`;

export const home = new HomeStore();
