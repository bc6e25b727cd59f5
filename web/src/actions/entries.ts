/** What the palette offers, and in which order. Upstream: the registry, recent actions, the last runs. Downstream: the palette. */
import uFuzzy from '@leeoniya/ufuzzy';
import { i18n, t, type Key } from '../i18n/index.svelte';
import type { RunSummary } from '../wire/generated';
import { KEYS } from './keys';
import type { Action } from './registry.svelte';
import { shortcutOf } from './shortcut.svelte';

export interface Entry {
  id: string;
  label: string;
  /** Also found by this, whatever language the page speaks. */
  english: string;
  group: string;
  keys: string;
  /** Why it cannot be done now; empty when it can. */
  reason: string;
  dangerous: boolean;
}

/** Of actions without a key, by the first part of their name. */
const GROUPS: Record<string, Key> = {
  page: 'actions.navigation',
  view: 'actions.view',
  run: 'actions.runs',
  log: 'actions.terminal',
  chart: 'actions.charts',
  export: 'actions.export',
};

function groupOf(id: string): string {
  if (id in KEYS) return t(`actions.${KEYS[id as keyof typeof KEYS].group}`);
  const key = GROUPS[id.split('.')[0]!];
  return key ? t(key) : '';
}

export function entryOf(action: Action): Entry {
  return {
    id: action.id,
    label: action.label(),
    english: i18n.within('en', action.label),
    group: groupOf(action.id),
    keys: shortcutOf(action.id),
    reason: action.reason?.() ?? '',
    dangerous: action.dangerous ?? false,
  };
}

/** Going to a run is an action like any other. */
export function entryOfRun(run: RunSummary): Entry {
  const label = (): string => t('page.run', { name: run.name });
  return {
    id: `run.${run.run_id}`,
    label: label(),
    english: `${i18n.within('en', label)} ${run.run_id}`,
    group: t('actions.runs'),
    keys: '',
    reason: '',
    dangerous: false,
  };
}

const BOUND = Object.keys(KEYS);
const OTHERS = ['run', 'page', 'view'];

/** Panels bring their actions as they appear; here they stand as in the table of keys, what is the same everywhere last. */
export function inGroups(entries: readonly Entry[]): Entry[] {
  const rank = ({ id }: Entry): number => {
    const bound = BOUND.indexOf(id);
    return bound >= 0 ? bound : BOUND.length + 1 + OTHERS.indexOf(id.split('.')[0]!);
  };
  return [...entries].sort((a, b) => rank(a) - rank(b));
}

// The letters of both languages by name: its way for any script is fifty times slower.
const fuzzy = new uFuzzy({ alpha: 'a-zа-яё', intraIns: 1 });

/** Those that fit `text`, best first; without a text all, those used last in front. */
export function arrange(entries: readonly Entry[], text: string, recent: readonly string[]): Entry[] {
  const age = (entry: Entry): number => {
    const index = recent.indexOf(entry.id);
    return index < 0 ? recent.length : index;
  };
  const ordered = entries.map((entry, index) => ({ entry, index }));
  ordered.sort((a, b) => age(a.entry) - age(b.entry) || a.index - b.index);
  const known = ordered.map(({ entry }) => entry);
  if (!text.trim()) return known;
  // One line for each language: what is found in either is found.
  const found = [known.map(entry => entry.label), known.map(entry => entry.english)].map(lines =>
    inOrder(lines, text),
  );
  return [...new Set(found.flat())].map(index => known[index]!);
}

/** Indices of the lines that fit, best first, words in any order. */
function inOrder(lines: string[], text: string): number[] {
  const [indices, info, order] = fuzzy.search(lines, text, 3);
  if (!indices) return [];
  return info && order ? order.map(place => info.idx[place]!) : indices;
}
