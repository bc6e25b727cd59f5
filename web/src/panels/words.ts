/** Names of hyperparameters, kinds of checkpoints, ways of taking effect, in the reader's language where there is a word. Upstream: the wire. Downstream: panels. */
import { exact } from '../format';
import { i18n, t, type Key } from '../i18n/index.svelte';
import type { Tone } from '../state';
import type { Applies, Objection } from '../stores/adjust';

/** The trainer's label says most (`peak learning rate`), in the reader's words where there are some; else the name. */
export function knobName(name: string, label: string | null): string {
  for (const wanted of [label, name]) {
    const key = `hyper.${wanted?.replaceAll(' ', '_')}`;
    if (i18n.has(key)) return t(key);
  }
  return label || name.replaceAll('_', ' ');
}

/** Whether a trainer's label adds nothing to the name that is shown. */
export function sameWords(label: string | null, shown: string, name: string): boolean {
  if (!label || label === shown) return true;
  if (/_every_(steps|minutes)$/.test(name)) return true;
  return i18n.has(`hyper.${label.replaceAll(' ', '_')}`) || label === name.replaceAll('_', ' ');
}

export const APPLIES: Record<Applies, { key: Key; hint: Key; tone: Tone }> = {
  live: { key: 'applies.live', hint: 'applies.live_text', tone: 'good' },
  next_checkpoint: { key: 'applies.next_checkpoint', hint: 'applies.next_checkpoint_text', tone: 'busy' },
  restart: { key: 'applies.restart', hint: 'applies.restart_text', tone: 'warn' },
};

export function objectionText(objection: Objection): string {
  switch (objection.why) {
    case 'min':
      return t('adjust.at_least', { min: exact(objection.bound) });
    case 'max':
      return t('adjust.at_most', { max: exact(objection.bound) });
    case 'between':
      return t('adjust.between', { min: exact(objection.min), max: exact(objection.max) });
    case 'empty':
    case 'same':
      return '';
    default:
      return t(`adjust.${objection.why}`);
  }
}

/** The bounds as a person reads them; empty when there are none. */
export function boundsText(min: number | null, max: number | null): string {
  if (min !== null && max !== null) return t('adjust.bounds', { min: exact(min), max: exact(max) });
  if (min !== null) return t('adjust.at_least', { min: exact(min) });
  return max !== null ? t('adjust.at_most', { max: exact(max) }) : '';
}

/** Who did it: the interface, or what the trainer wrote. */
export function byWhom(by: string | null): string {
  if (!by) return '—';
  const key = `by.${by}`;
  return i18n.has(key) ? t(key) : by;
}
