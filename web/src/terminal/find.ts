/** A search in what the terminal shows: its question, its answer, its looks. Upstream: the search bar. Downstream: terminal. */
import type { ISearchOptions } from '@xterm/addon-search';
import { isLight, token } from './colours';

export interface Query {
  text: string;
  case: boolean;
  word: boolean;
  regex: boolean;
}

/** `index` counts from 0; -1 where there are too many to count. */
export interface Found {
  index: number;
  count: number;
}

/** A repeated repetition can take for ever, and nothing could interrupt it in the page: `(a+)+`. */
const NESTED_REPEAT = /[+*}]\)?[+*{]|\([^()]*[+*][^()]*\)[+*{]/;

/** Why a pattern is not tried in the page: it is wrong, or it could hang it. */
export function refusal(query: Query): 'wrong' | 'slow' | null {
  if (!query.regex || !query.text) return null;
  try {
    new RegExp(query.text);
  } catch {
    return 'wrong';
  }
  return NESTED_REPEAT.test(query.text.replace(/\\./g, '')) ? 'slow' : null;
}

export function searchOptions(query: Query): ISearchOptions {
  const light = isLight();
  return {
    caseSensitive: query.case,
    wholeWord: query.word,
    regex: query.regex,
    decorations: {
      matchBackground: light ? '#f5e3b3' : '#4a3d1c',
      matchOverviewRuler: token('--warn'),
      activeMatchBackground: light ? '#f0c24b' : '#8a6a1f',
      activeMatchBorder: token('--warn'),
      activeMatchColorOverviewRuler: token('--text'),
    },
  };
}
