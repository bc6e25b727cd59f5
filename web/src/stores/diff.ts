/** The three-way comparison of a configuration: file, launched, live. Upstream: GET /runs/{id}/config/diff. */
import type { ConfigDiff } from '../wire/generated';
import { sameValue } from './values';

export type Row = ConfigDiff['rows'][number];

/** The rows to look at: those whose file says something else than what is in force; all of them on request. */
export function rowsShown(rows: readonly Row[], all: boolean): Row[] {
  return all ? [...rows] : rows.filter(row => row.changed);
}

/** Whether the running trainer can take this row over from the file. */
export function canApply(row: Row): boolean {
  return row.changed && (row.applies === 'live' || row.applies === 'next_checkpoint');
}

/** What the file asks of a restart: the overrides of its changed rows that a running trainer cannot take. */
export function restartOverrides(rows: readonly Row[]): Record<string, unknown> {
  return Object.fromEntries(
    rows.filter(row => row.changed && row.applies === 'restart').map(row => [row.key, row.file]),
  );
}

export type Outcome = 'applied' | 'next_checkpoint' | 'not_applied' | 'waiting';

/** What became of a ticked key, told from what is live now and not from what was asked for. */
export function outcome(before: Row, after: Row | undefined, open: boolean): Outcome {
  if (after && sameValue(after.live, before.file)) return 'applied';
  if (open) return 'waiting';
  return before.applies === 'next_checkpoint' ? 'next_checkpoint' : 'not_applied';
}
