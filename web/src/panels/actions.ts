/** Which commands can be given now, and the reason why another cannot: the tooltip of its button. */
import { i18n, t, type Key } from '../i18n/index.svelte';
import { isLive, isPaused } from '../state';
import type { CommandView } from '../stores/commands';
import { hasEnded } from '../stores/runs.svelte';
import type { RunRecord, RunSummary } from '../wire/generated';

export interface Situation {
  summary: RunSummary | null;
  record: RunRecord | null;
  open: boolean;
  connected: boolean;
}

export type Steering = 'pause' | 'resume' | 'stop';

/** Why `command` cannot be given now; empty when it can. */
export function reasonAgainst(command: Steering, { summary, record, open, connected }: Situation): string {
  if (!summary || !record) return t('console.loading');
  if (hasEnded(summary) || summary.state === 'released') return t('controls.ended');
  if (!connected) return t('controls.disconnected');
  const unsupported = record.disabled[command];
  if (unsupported) return unsupported;
  if (summary.state === 'stopping') return t('controls.stopping');
  if (!isLive(summary)) return t('controls.not_started');
  if (open && command !== 'stop') return t('controls.waiting');
  return '';
}

/** What the pause button does now. */
export function pauseOrResume(summary: RunSummary | null): 'pause' | 'resume' {
  return summary && isPaused(summary) ? 'resume' : 'pause';
}

export function commandName(command: string): string {
  const key = `command.${command}`;
  return i18n.has(key) ? t(key) : command;
}

export function commandState(view: CommandView): string {
  if (view.state === 'applied' && view.step !== null) return t('command.applied_at', { step: view.step });
  return t(`command.${view.state}` as Key);
}
