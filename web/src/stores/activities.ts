/** Which activities are shown, and in which words. Upstream: the feed. Downstream: the overview's list. */
import { sentence } from '../alertwords';
import { i18n, t, type Key } from '../i18n/index.svelte';
import { told } from '../i18n/told';
import type { Activity } from '../wire/generated';

const SHOWN = 100;

/** The newest, newest first; what is older is forgotten. */
export function newestOf(known: Map<string, Activity>): Activity[] {
  const all = [...known.values()].sort((a, b) => b.time - a.time || (a.id < b.id ? 1 : -1));
  for (const old of all.splice(SHOWN)) known.delete(old.id);
  return all;
}

/** What happened, in a few words. */
export function happening(activity: Activity): string {
  const { kind, attempt } = activity;
  const data = activity.data ?? {};
  const word = (name: string): string => (data[name] == null ? '' : shown(data[name]));
  const because = (text: string, reason: string): string => (reason ? `${text}: ${told(reason)}` : text);
  switch (kind) {
    case 'resumed':
      return t('activity.resumed', { n: attempt ?? 1 });
    case 'restarted':
      return because(t('activity.restarted'), word('reason'));
    case 'forked':
      return t('activity.forked', { parent: word('parent') });
    case 'ended':
      return because(t(`state.${word('state')}` as Key), word('reason') || word('evidence'));
    case 'checkpoint_saved':
      return t('activity.checkpoint_saved', { step: word('step') });
    case 'checkpoint_failed':
      return because(t('activity.checkpoint_failed', { step: word('step') }), word('reason'));
    case 'applied':
    case 'rejected': {
      const said = t(`activity.${kind}`, {
        command: named('command', word('command')),
        by: named('by', word('by')),
      });
      return kind === 'rejected' ? because(said, word('detail')) : said;
    }
    case 'changed':
      return `${word('name')}: ${word('old')} → ${word('new')}`;
    case 'flow_started':
      return word('by') ? t('activity.flow_started', { by: named('by', word('by')) }) : t('activity.started');
    case 'flow_step':
      return because(
        t('activity.flow_step', { step: word('step'), state: t(`step.${word('state')}` as Key) }),
        word('cause'),
      );
    case 'flow_ended':
      return t('activity.flow_ended', { state: t(`flow.${word('state')}` as Key) });
    case 'alert_raised':
    case 'alert_cleared':
      return t(`activity.${kind}`, { what: sentence(data as unknown as Parameters<typeof sentence>[0]) });
    default:
      return t(`activity.${kind}`);
  }
}

/** A word of the protocol as people read it; one that is not known stays as it is. */
function named(group: 'command' | 'by', word: string): string {
  const key = `${group}.${word}`;
  return i18n.has(key) ? t(key as Key) : word;
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
