/** How a run's state looks: a tone, and always a word and an icon beside it. Upstream: a run's summary. Downstream: panels. */
import type { Key } from './i18n/index.svelte';
import type { RunSummary } from './wire/generated';

export type Tone = 'good' | 'warn' | 'bad' | 'off' | 'busy';
export type Shown = Pick<RunSummary, 'state' | 'stalled' | 'suspended'>;

const TONES: Record<RunSummary['state'], Tone> = {
  queued: 'off',
  preparing: 'busy',
  running: 'good',
  paused: 'warn',
  validating: 'good',
  checkpointing: 'good',
  stopping: 'busy',
  released: 'warn',
  done: 'good',
  error: 'bad',
  cancelled: 'off',
  killed: 'bad',
  out_of_memory: 'bad',
  lost: 'bad',
  unknown: 'warn',
};

const LIVE = new Set<RunSummary['state']>([
  'preparing',
  'running',
  'paused',
  'validating',
  'checkpointing',
  'stopping',
]);

export function isLive(run: Pick<RunSummary, 'state'>): boolean {
  return LIVE.has(run.state);
}

/** Whether new numbers are to be expected now. */
export function isTraining(run: Pick<RunSummary, 'state' | 'suspended'>): boolean {
  return run.state === 'running' && !run.suspended;
}

export function toneOf(run: Shown): Tone {
  return isLive(run) && (run.stalled || run.suspended) ? 'warn' : TONES[run.state];
}

export function stateKey(run: Shown): Key {
  if (isLive(run) && run.suspended) return 'state.suspended';
  if (isLive(run) && run.stalled) return 'state.stalled';
  return `state.${run.state}`;
}

/** Whether time brings the end nearer: training, or in one of the works that belong to it. */
export function isAdvancing(run: Pick<RunSummary, 'state' | 'suspended'>): boolean {
  return ['running', 'validating', 'checkpointing'].includes(run.state) && !run.suspended;
}

/** Whether the run waits for somebody to resume it, by the trainer's own word or because its process is stopped. */
export function isPaused(run: Shown): boolean {
  return run.state === 'paused' || (isLive(run) && run.suspended);
}
