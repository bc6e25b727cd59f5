/** Which commands can be given now, why another cannot, and what is told of those that were given. Upstream: a run's summary. Downstream: the helm. */
import { accuracy, bytes, loss } from '../format';
import { i18n, t, type Key } from '../i18n/index.svelte';
import { told } from '../i18n/told';
import { isLive, isPaused } from '../state';
import type { Checkpoint, RunRecord, RunSummary } from '../wire/generated';
import { isOpen, latest, stateAt, type CommandState, type CommandView, type Group } from './commands';
import { hasEnded } from './runs.svelte';

export type Steering = 'pause' | 'resume' | 'stop' | 'checkpoint' | 'validate' | 'set' | 'reload_config';

export interface Situation {
  summary: RunSummary | null;
  record: RunRecord | null;
  commands: readonly CommandView[];
  connected: boolean;
  /** Unix seconds. */
  now: number;
}

/** What stands on a button beside its name. */
export interface Note {
  text: string;
  tone: 'busy' | 'good' | 'warn' | 'bad' | '';
}

/** Seconds that a good or a bad end stays on its button; the list of commands keeps it for ever. */
const SHOWN_FOR = { good: 60, bad: 300 };

const GROUP_OF: Record<Steering, Group> = {
  pause: 'pause',
  resume: 'pause',
  stop: 'stop',
  checkpoint: 'checkpoint',
  validate: 'validate',
  set: 'set',
  reload_config: 'reload_config',
};

/** Why `command` cannot be given now; empty when it can. `way` is one of its ways: `release`, `test`. */
export function reasonAgainst(command: Steering, situation: Situation, way?: string): string {
  const { summary, record, commands, connected, now } = situation;
  if (!summary || !record) return t('console.loading');
  if (!connected) return t('controls.disconnected');
  if (command === 'resume' && needsNewAttempt(summary))
    return record.resumable.possible ? '' : told(record.resumable.reason ?? '') || t('controls.ended');
  if (needsNewAttempt(summary)) return t('controls.ended');
  const unsupported = record.disabled[command] ?? (way && record.disabled[`${command}:${way}`]);
  if (unsupported) return told(unsupported);
  if (summary.state === 'stopping') return t('controls.stopping');
  if (!isLive(summary)) return t('controls.not_started');
  const last = latest(commands, GROUP_OF[command]);
  if (last && isOpen(last, now) && !isSeen(last, summary)) return t('controls.waiting');
  return '';
}

/** Whether the run's state shows what a command did, before its answer has come. */
function isSeen({ command, args }: CommandView, summary: RunSummary): boolean {
  if (command === 'pause' || command === 'suspend') return isPaused(summary) && args['mode'] !== 'release';
  return (command === 'resume' || command === 'continue') && !isPaused(summary);
}

/** Whether only a new attempt leads on: its process is gone. */
export function needsNewAttempt(summary: RunSummary): boolean {
  return hasEnded(summary) || summary.state === 'released';
}

/** What the pause button does now. */
export function pauseOrResume(summary: RunSummary | null, record: RunRecord | null): 'pause' | 'resume' {
  if (!summary) return 'pause';
  if (isPaused(summary) || summary.state === 'released') return 'resume';
  return hasEnded(summary) && record?.resumable.possible ? 'resume' : 'pause';
}

export function commandName(command: string): string {
  const key = `command.${command}`;
  return i18n.has(key) ? t(key) : command;
}

export function stateWord(state: CommandState, step: number | null): string {
  if (state === 'applied' && step !== null) return t('command.applied_at', { step });
  return t(`command.${state}` as Key);
}

export const STATE_TONES: Record<CommandState, Note['tone']> = {
  sending: 'busy',
  requested: 'busy',
  accepted: 'busy',
  applied: 'good',
  rejected: 'bad',
  not_sent: 'bad',
  timed_out: 'warn',
  outcome_unknown: 'warn',
};

/** Where the newest command of a button stands; null when there is nothing new to tell. */
export function noteOf(group: Group, situation: Situation, facts: Facts): Note | null {
  const view = latest(situation.commands, group);
  if (!view || (view.attempt !== null && view.attempt < (situation.summary?.attempt ?? 0))) return null;
  const state = stateAt(view, situation.now);
  const tone = STATE_TONES[state];
  const age = situation.now - view.changedAt;
  if (tone === 'good' ? age > SHOWN_FOR.good : tone !== 'busy' && age > SHOWN_FOR.bad) return null;
  if (state === 'accepted' && group === 'checkpoint' && facts.saving !== null)
    return { text: savingText(facts.saving), tone };
  if (state === 'applied') return { text: appliedText(view, facts), tone };
  return { text: stateWord(state, view.step), tone };
}

/** What the page knows besides the commands. */
export interface Facts {
  saving: string | null;
  checkpoints: readonly Checkpoint[];
  /** The last value of a metric that came since `time`. */
  since(name: string, time: number): number | null;
}

/** What the trainer says of a save under way, in the reader's words: `writing`, `reading back 45.2 MB, 30 %`. */
function savingText(told: string): string {
  const read = /^reading back (\S+ \S+?)(?:, (\d+) %)?$/.exec(told);
  if (read) return t('note.reading_back', { size: read[1]!, percent: read[2] ? `, ${read[2]} %` : '' });
  return told === '' || told === 'writing' ? t('note.writing') : told;
}

function appliedText(view: CommandView, facts: Facts): string {
  if (view.command === 'checkpoint') {
    const saved = facts.checkpoints.findLast(one => !one.failed && one.time >= view.issuedAt - 1);
    if (saved) return t('note.verified', { size: bytes(saved.bytes) });
  }
  if (view.command === 'validate') {
    const split = view.args['split'] === 'test' ? 'test' : 'eval';
    const found = facts.since(`${split}/loss`, view.issuedAt - 1);
    const right = facts.since(`${split}/accuracy`, view.issuedAt - 1);
    const values = [found === null ? '' : loss(found), right === null ? '' : accuracy(right)].filter(Boolean);
    if (values.length) return t(`note.${split}`, { values: values.join(' · ') });
  }
  const key = `note.${view.command}`;
  if (view.step !== null && i18n.has(key)) return t(key, { step: view.step });
  return stateWord('applied', view.step);
}
