/** What went wrong with a run, in the words of the error dialog. Upstream: the run's record. Downstream: the dialog, the strip. */
import { keep, keptTexts } from '../kept';
import type { RunRecord, RunSummary, Suggestion } from '../wire/generated';
import { hasEnded } from './runs.svelte';

export type FailureKind = 'out_of_memory' | 'loss' | 'killed' | 'lost' | 'error';

export interface Failure {
  kind: FailureKind;
  /** The same failure has the same key: it is shown by itself once. */
  key: string;
  code: string | null;
  /** In the trainer's own words. */
  reason: string | null;
  step: number | null;
  suggestions: readonly Suggestion[];
  /** It still lives: held by the policy for a loss that is no number. */
  lives: boolean;
}

const FAILED = ['error', 'killed', 'out_of_memory', 'lost'];

export function failureOf(summary: RunSummary | null, record: RunRecord | null): Failure | null {
  if (!summary || !record) return null;
  const held = summary.state === 'paused' && summary.health.code === 'loss_not_finite';
  // The record comes a moment after the summary, and it is what tells why.
  if (!held && !(hasEnded(summary) && hasEnded(record.summary) && FAILED.includes(summary.state)))
    return null;
  return {
    kind: held ? 'loss' : kindOf(summary, record),
    key: `${summary.attempt}:${held ? 'held' : 'ended'}`,
    code: record.error_code,
    reason: held ? summary.health.message : record.error,
    step: summary.step,
    suggestions: record.suggestions,
    lives: held,
  };
}

function kindOf(summary: RunSummary, record: RunRecord): FailureKind {
  if (summary.state === 'out_of_memory' || record.error_code?.endsWith('out_of_memory'))
    return 'out_of_memory';
  if (record.error_code === 'non_finite_loss') return 'loss';
  if (summary.state === 'killed' || summary.state === 'lost') return summary.state;
  return 'error';
}

const STORED = 'gladius_seen_failures';
const MOST = 200;

/** Whether this browser is shown that failure for the first time. */
export function isFirstSeen(runId: string, key: string): boolean {
  const name = `${runId}:${key}`;
  const known = keptTexts(STORED);
  if (known.includes(name)) return false;
  keep(STORED, [...known, name].slice(-MOST));
  return true;
}
