/** Whether a run is well, in the chosen language. Upstream: a summary's health. Downstream: verdict strip, run card. */
import { i18n, t } from './i18n/index.svelte';
import { told } from './i18n/told';
import type { Health } from './wire/generated';

/** The sentence of its code, filled with its data; a code without one as its words are known. */
export function healthSentence(health: Health): string {
  const key = `health.${health.code}`;
  if (!i18n.has(key)) return told(health.message);
  return t(key, health.data as Record<string, string | number>);
}
