/** Dark, light, or as the system; kept in localStorage and set before the first paint by theme.js. */
export const THEMES = ['dark', 'light', 'system'] as const;
export type Theme = (typeof THEMES)[number];

const STORED = 'gladius_theme';

class ThemeStore {
  #choice = $state<Theme>('dark');
  #systemLight = $state(false);
  readonly shown = $derived<'dark' | 'light'>(
    this.#choice === 'system' ? (this.#systemLight ? 'light' : 'dark') : this.#choice,
  );

  constructor() {
    const stored = localStorage.getItem(STORED);
    if (THEMES.includes(stored as Theme)) this.#choice = stored as Theme;
    const query = matchMedia('(prefers-color-scheme: light)');
    this.#systemLight = query.matches;
    query.addEventListener('change', event => {
      this.#systemLight = event.matches;
      this.#show();
    });
  }

  get choice(): Theme {
    return this.#choice;
  }

  choose(theme: Theme): void {
    this.#choice = theme;
    localStorage.setItem(STORED, theme);
    this.#show();
  }

  #show(): void {
    document.documentElement.dataset.theme = this.shown;
  }
}

export const theme = new ThemeStore();
