/** Actions of a run's page that belong to none of its panels. Upstream: the page. Downstream: the registry. */
import { t } from '../i18n/index.svelte';
import { compareWithEarlier } from '../stores/earlier';
import { router } from '../stores/router.svelte';
import type { RunStore } from '../stores/run.svelte';
import { announcements } from './announcements.svelte';
import type { Action } from './registry.svelte';

let making = false;

/** Save the whole page as a picture, and say when it is there. */
async function takeScreenshot(run: RunStore): Promise<void> {
  making = true;
  announcements.say(t('screenshot.making'), true);
  try {
    const { saveScreenshot } = await import('./screenshot');
    announcements.say(t('screenshot.ready', { name: await saveScreenshot(run.summary?.name ?? run.id) }));
  } catch (error) {
    announcements.say(
      t('screenshot.failed', { reason: error instanceof Error ? error.message : String(error) }),
    );
  } finally {
    making = false;
  }
}

export function consoleActions(run: RunStore): Action[] {
  return [
    { id: 'back', label: () => t('action.back'), run: () => router.go({ page: 'overview' }) },
    {
      id: 'run.compare',
      label: () => t('compare.with_earlier'),
      run: () => compareWithEarlier(run.id, run.summary),
    },
    {
      id: 'screenshot',
      label: () => t('action.screenshot'),
      reason: () => (making ? t('screenshot.busy') : ''),
      run: () => takeScreenshot(run),
    },
  ];
}
