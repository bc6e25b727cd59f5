/** Actions of every page: where to go, how it looks. Upstream: the app. Downstream: the registry. */
import { i18n, LANGUAGES, t, type Key } from '../i18n/index.svelte';
import { alerts } from '../stores/alerts.svelte';
import { overlay } from '../stores/overlay.svelte';
import { router } from '../stores/router.svelte';
import { session } from '../stores/session.svelte';
import { theme, THEMES } from '../stores/theme.svelte';
import type { Action } from './registry.svelte';
import { keySet } from './shortcut.svelte';

const inUse = (used: boolean): string => (used ? t('keys.in_use') : '');

/** Why somebody whose role only reads cannot do it; in the words of the buttons. */
const steering = (): string => session.reason('operator');

export const everywhere: readonly Action[] = [
  { id: 'palette', label: () => t('action.palette'), run: () => overlay.open('palette') },
  { id: 'help', label: () => t('action.help'), run: () => overlay.open('help') },
  { id: 'page.overview', label: () => t('page.overview'), run: () => router.go({ page: 'overview' }) },
  { id: 'page.runs', label: () => t('page.runs'), run: () => router.go({ page: 'runs' }) },
  {
    id: 'page.compare',
    label: () => t('page.compare'),
    run: () => router.go({ page: 'compare', runs: [] }),
  },
  { id: 'page.flows', label: () => t('page.flows'), run: () => router.go({ page: 'flows' }) },
  {
    id: 'page.catalog',
    label: () => t('page.catalog'),
    run: () => router.go({ page: 'catalog', part: 'profiles' }),
  },
  {
    id: 'run.command',
    label: () => t('command.open'),
    reason: steering,
    run: () => overlay.open('command'),
  },
  { id: 'page.settings', label: () => t('settings.open'), run: () => overlay.open('settings') },
  { id: 'page.attach', label: () => t('attach.title'), reason: steering, run: () => overlay.open('attach') },
  { id: 'page.alerts', label: () => t('alerts.title'), run: () => alerts.list(true) },
  ...THEMES.map<Action>(choice => ({
    id: `view.theme_${choice}`,
    label: () => t('view.theme', { theme: t(`settings.${choice}`).toLowerCase() }),
    reason: () => inUse(theme.choice === choice),
    run: () => theme.choose(choice),
  })),
  ...LANGUAGES.map<Action>(({ code, name }) => ({
    id: `view.language_${code}`,
    label: () => t('view.language', { language: name }),
    reason: () => inUse(i18n.language === code),
    run: () => i18n.choose(code),
  })),
  ...(['classic', 'alt'] as const).map<Action>(set => ({
    id: `view.keys_${set}`,
    label: () => t(`view.keys_${set}` satisfies Key),
    reason: () => inUse(keySet.chosen === set),
    run: () => keySet.choose(set),
  })),
];
