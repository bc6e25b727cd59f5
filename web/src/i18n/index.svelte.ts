/** The chosen language and `t`, which finds a message in it. */
import { keepText, keptText } from '../kept';
import { en, type Catalogue, type Key } from './en';
import { ru } from './ru';

export type { Key } from './en';

const CATALOGUES = { en, ru } satisfies Record<string, Catalogue>;
export type Language = keyof typeof CATALOGUES;
export const LANGUAGES: readonly { code: Language; name: string }[] = [
  { code: 'en', name: 'English' },
  { code: 'ru', name: 'Русский' },
];

const STORED = 'gladius_language';

/** The first language of the browser that has a catalogue, else English. */
export function preferred(stored: string | null, browser: readonly string[]): Language {
  for (const tag of [stored, ...browser]) {
    const code = tag?.toLowerCase().split('-')[0];
    if (code && code in CATALOGUES) return code as Language;
  }
  return 'en';
}

class I18n {
  #language = $state<Language>('en');
  #asked: Language | null = null;

  get language(): Language {
    return this.#language;
  }

  /** The locale for Intl: the browser's own variant of the language (en-GB, en-US) where it has one. */
  get locale(): string {
    const variants = typeof navigator === 'undefined' ? [] : navigator.languages;
    return variants.find(tag => tag.toLowerCase().startsWith(this.#language)) ?? this.#language;
  }

  detect(): void {
    this.#set(preferred(keptText(STORED), navigator.languages));
  }

  choose(language: Language): void {
    keepText(STORED, language);
    this.#set(language);
  }

  #set(language: Language): void {
    this.#language = language;
    document.documentElement.lang = language;
  }

  message(key: Key): string {
    return CATALOGUES[this.#asked ?? this.#language][key];
  }

  /** What `words` gives in another language than the chosen one. */
  within(language: Language, words: () => string): string {
    this.#asked = language;
    try {
      return words();
    } finally {
      this.#asked = null;
    }
  }

  has(key: string): key is Key {
    return key in en;
  }
}

export const i18n = new I18n();

/** The message of `key`, with `{name}` places filled. */
export function t(key: Key, values: Record<string, string | number> = {}): string {
  return i18n.message(key).replace(/\{(\w+)\}/g, (place, name: string) => String(values[name] ?? place));
}
