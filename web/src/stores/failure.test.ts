import { describe, expect, it } from 'vitest';
import type { RunRecord, RunSummary } from '../wire/generated';
import { failureOf } from './failure';

const summary = (state: RunSummary['state'], code = 'error'): RunSummary =>
  ({
    state,
    attempt: 2,
    step: 40,
    health: { level: 'trouble', code, message: 'NaN since step 40' },
  }) as RunSummary;
const record = (state: RunSummary['state'], more: Partial<RunRecord> = {}): RunRecord =>
  ({ summary: summary(state), error: 'no room', error_code: null, suggestions: [], ...more }) as RunRecord;

describe('what went wrong', () => {
  it('is told once the record says why, and not by the summary alone', () => {
    expect(failureOf(summary('error'), record('running'))).toBeNull();
    expect(failureOf(summary('error'), record('error'))).toMatchObject({
      kind: 'error',
      reason: 'no room',
      step: 40,
    });
  });

  it('has its own kind where memory, the loss or the process is the cause', () => {
    const kind = (state: RunSummary['state'], code: string | null) =>
      failureOf(summary(state), record(state, { error_code: code }))?.kind;
    expect(kind('error', 'cuda_out_of_memory')).toBe('out_of_memory');
    expect(kind('out_of_memory', null)).toBe('out_of_memory');
    expect(kind('error', 'non_finite_loss')).toBe('loss');
    expect(kind('killed', null)).toBe('killed');
  });

  it('is also a run that is held for a bad loss, and no other hold', () => {
    expect(failureOf(summary('paused', 'loss_not_finite'), record('paused'))).toMatchObject({
      lives: true,
      reason: 'NaN since step 40',
    });
    expect(failureOf(summary('paused', 'paused'), record('paused'))).toBeNull();
  });

  it('is another one in another attempt', () => {
    expect(failureOf(summary('error'), record('error'))?.key).toBe('2:ended');
  });
});
