/** What server and trainer say, in the reader's language. Upstream: answers, events. Downstream: panels that show such a text. */
import { i18n } from './index.svelte';
import { SENTENCES } from './server.ru';

/** A sentence of the catalogue that has places to fill. */
interface Pattern {
  fits: RegExp;
  places: string[];
  russian: string;
}

const PLACE = /\{(\d)\}/g;
/** A number with or without its unit, and nothing else: names, versions and what a program said stay as they are. */
const MEASURE = /^[-−]?\d+\.\d+(?: ?(?:%|°C|s|ms|min|h|[kMGT]i?B))?$/;
const MOST_KEPT = 500;

let exact: Map<string, string> | null = null;
let patterns: Pattern[] = [];
const kept = new Map<string, string | null>();

function load(): Map<string, string> {
  if (exact) return exact;
  exact = new Map(SENTENCES);
  patterns = SENTENCES.filter(([english]) => /\{\d\}/.test(english))
    // What says more itself is meant sooner.
    .sort(([a], [b]) => literalLength(b) - literalLength(a))
    .map(([english, russian]) => ({
      fits: new RegExp(
        `^${escaped(english)
          .replace(/\\\{\d\\\}(?=\\\{\d)/g, '(\\S*)')
          .replace(/\\\{\d\\\}/g, '(.*?)')}$`,
        's',
      ),
      places: [...english.matchAll(PLACE)].map(place => place[1]!),
      russian,
    }));
  return exact;
}

const literalLength = (english: string): number => english.replace(PLACE, '').length;
const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');

/** The text in Russian, as far as it is known; null when nothing of it is. */
function russian(text: string): string | null {
  const known = load().get(text);
  if (known !== undefined) return known;
  return inParts(text, true) ?? filled(text) ?? inParts(text, false);
}

/** Sentence by sentence: `all` of them, or whatever is known. */
function inParts(text: string, all: boolean): string | null {
  const parts = text.split(/(?<=[.!?]) (?=[\p{Lu}'"{])|(?=; (?:there is|to go on) )/u);
  if (parts.length < 2) return null;
  const found = parts.map(part => load().get(part) ?? filled(part) ?? stopped(part));
  if (all ? found.includes(null) : found.every(one => one === null)) return null;
  return parts
    .map((part, index) => found[index] ?? part)
    .join(' ')
    .replaceAll(' ; ', '; ');
}

/** A sentence that its catalogue knows without the full stop. */
function stopped(part: string): string | null {
  const bare = part.endsWith('.') ? part.slice(0, -1) : '';
  const known = bare ? (load().get(bare) ?? filled(bare)) : null;
  return known === null ? null : `${known}.`;
}

function filled(text: string): string | null {
  for (const { fits, places, russian: sentence } of patterns) {
    const match = fits.exec(text);
    if (!match) continue;
    const values = new Map(places.map((place, index) => [place, match[index + 1] ?? '']));
    return sentence.replace(PLACE, (_, place: string) => word(values.get(place) ?? ''));
  }
  return null;
}

/** What stands in a place: a name, a number, or another sentence of ours. */
function word(value: string): string {
  const by = `by.${value}`;
  if (i18n.has(by)) return i18n.message(by);
  const inner = value.trim();
  const found = inner && inner.length < value.length ? russian(inner) : value && russian(value);
  if (found) return value.replace(inner, () => found);
  return MEASURE.test(inner) ? value.replace('.', ',') : value;
}

/** `text` in the chosen language; what has no translation stays as it was said. */
export function told(text: string): string {
  return i18n.language === 'ru' ? (translated(text) ?? text) : text;
}

/** The language that `told(text)` speaks where it is another than the page's: for `lang`. */
export function toldIn(text: string): 'en' | undefined {
  return i18n.language !== 'en' && text && translated(text) === null ? 'en' : undefined;
}

function translated(text: string): string | null {
  let found = kept.get(text);
  if (found === undefined) {
    found = russian(text.trim());
    if (kept.size >= MOST_KEPT) kept.clear();
    kept.set(text, found);
  }
  return found;
}
