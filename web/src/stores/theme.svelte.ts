/** How the page looks to this person: theme, contrast, motion; theme.js sets it before the first paint. Upstream: this browser. Downstream: panels. */
import { keepText, keptText } from '../kept';

export const THEMES = ['dark', 'light', 'system'] as const;
export const CONTRASTS = ['system', 'more', 'standard'] as const;
export const MOTIONS = ['system', 'reduce', 'full'] as const;
export type Theme = (typeof THEMES)[number];
export type Contrast = (typeof CONTRASTS)[number];
export type Motion = (typeof MOTIONS)[number];

const STORED = { theme: 'gladius_theme', contrast: 'gladius_contrast', motion: 'gladius_motion' } as const;
const ASKED = {
  light: '(prefers-color-scheme: light)',
  contrast: '(prefers-contrast: more)',
  forced: '(forced-colors: active)',
  reduce: '(prefers-reduced-motion: reduce)',
} as const;

function stored<T extends string>(key: string, choices: readonly T[], otherwise: T): T {
  const found = keptText(key) as T;
  return choices.includes(found) ? found : otherwise;
}

class ThemeStore {
  #theme = $state<Theme>(stored(STORED.theme, THEMES, 'dark'));
  #contrast = $state<Contrast>(stored(STORED.contrast, CONTRASTS, 'system'));
  #motion = $state<Motion>(stored(STORED.motion, MOTIONS, 'system'));
  /** What the system asks for. */
  #system = $state({ light: false, contrast: false, forced: false, reduce: false });

  constructor() {
    for (const [name, query] of Object.entries(ASKED)) {
      const asked = matchMedia(query);
      this.#system[name as keyof typeof ASKED] = asked.matches;
      asked.addEventListener('change', event => {
        this.#system[name as keyof typeof ASKED] = event.matches;
        this.#show();
      });
    }
  }

  get choice(): Theme {
    return this.#theme;
  }

  get contrast(): Contrast {
    return this.#contrast;
  }

  get motion(): Motion {
    return this.#motion;
  }

  /** A getter and no derived value: what draws by it draws again when only the contrast changed. */
  get shown(): 'dark' | 'light' {
    void this.highContrast;
    void this.#system.forced;
    return this.#theme === 'system' ? (this.#system.light ? 'light' : 'dark') : this.#theme;
  }

  get highContrast(): boolean {
    return this.#contrast === 'system' ? this.#system.contrast : this.#contrast === 'more';
  }

  get reducedMotion(): boolean {
    return this.#motion === 'system' ? this.#system.reduce : this.#motion === 'reduce';
  }

  choose(theme: Theme): void {
    this.#theme = theme;
    this.#keep(STORED.theme, theme);
  }

  chooseContrast(contrast: Contrast): void {
    this.#contrast = contrast;
    this.#keep(STORED.contrast, contrast);
  }

  chooseMotion(motion: Motion): void {
    this.#motion = motion;
    this.#keep(STORED.motion, motion);
  }

  #keep(key: string, value: string): void {
    keepText(key, value);
    this.#show();
  }

  /** At once, so that whoever draws by `shown` finds the new colours. */
  #show(): void {
    const { dataset } = document.documentElement;
    dataset.theme = this.shown;
    dataset.contrast = this.highContrast ? 'more' : 'standard';
    dataset.motion = this.reducedMotion ? 'reduce' : 'full';
  }
}

export const theme = new ThemeStore();
