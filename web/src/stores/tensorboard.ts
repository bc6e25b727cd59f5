/** A run's TensorBoard in a window of its own. Upstream: the button. Downstream: the server, which starts it. */
import { t } from '../i18n/index.svelte';
import { post } from '../net/api';
import type { TensorBoardAnswer } from '../wire/generated';

/**
 * Call it in the click itself: a window that is opened later is taken for an advertisement and blocked. Where even this
 * one is, TensorBoard comes in place of the console. What the server says against it is thrown.
 */
export async function openTensorBoard(runId: string): Promise<void> {
  const view = window.open('', '_blank');
  if (view) waitIn(view);
  try {
    const answer = await post<TensorBoardAnswer>(`runs/${encodeURIComponent(runId)}/tensorboard`, {});
    if (view?.closed) return;
    if (!view) return location.assign(answer.url);
    view.opener = null;
    view.location.replace(new URL(answer.url, location.origin));
  } catch (error) {
    view?.close();
    throw error;
  }
}

/** It takes some seconds to start; an empty window would look broken. */
function waitIn(view: Window): void {
  const { document: page } = view;
  const theme = getComputedStyle(document.documentElement);
  page.title = 'TensorBoard';
  page.body.textContent = t('tensorboard.starting');
  page.body.style.cssText = `margin: 20vh auto; text-align: center; font: 16px/1.6 system-ui, sans-serif; color: ${theme.getPropertyValue('--soft')}; background: ${theme.getPropertyValue('--ground')}`;
}
