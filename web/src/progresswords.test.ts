import { describe, expect, it } from 'vitest';
import { progressSentence } from './progresswords';
import type { RunSummary } from './wire/generated';

const run = (more: Partial<RunSummary>) =>
  ({
    state: 'running',
    suspended: false,
    stalled: false,
    epoch: 2.4,
    total_epochs: 10,
    progress: 24,
    loss: 2.1304,
    eta_seconds: 312,
    ...more,
  }) as RunSummary;

describe('progress in one sentence', () => {
  it('says epoch, share, loss and what is left', () =>
    expect(progressSentence(run({}))).toBe('Epoch 3 of 10, 24%, loss 2.1304, about 5 min left'));

  it('leaves out what nobody knows', () => {
    expect(progressSentence(run({ total_epochs: null, eta_seconds: null }))).toBe('Epoch 3, loss 2.1304');
    expect(progressSentence(run({ loss: null, eta_seconds: null }))).toBe('Epoch 3 of 10, 24%');
  });

  it('says the state of a run that stands still', () =>
    expect(progressSentence(run({ state: 'paused' }))).toBe('Epoch 3 of 10, 24%, loss 2.1304, Paused'));
});
