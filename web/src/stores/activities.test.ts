import { describe, expect, it } from 'vitest';
import type { Activity } from '../wire/generated';
import { happening, newestOf } from './activities';

const one = (
  kind: Activity['kind'],
  data: Activity['data'] = {},
  id = kind as string,
  time = 1,
): Activity => ({
  id,
  time,
  kind,
  run_id: 'r',
  name: 'run',
  attempt: 2,
  data,
});

describe('activities', () => {
  it('are said in words', () => {
    expect(happening(one('started'))).toBe('started');
    expect(happening(one('resumed'))).toBe('went on as attempt 2');
    expect(happening(one('ended', { state: 'error', reason: 'no memory' }))).toBe('Error: no memory');
    expect(happening(one('applied', { command: 'pause', by: 'cli' }))).toBe('pause applied, by command line');
    expect(happening(one('rejected', { command: 'set', by: 'somebody', detail: 'too high' }))).toBe(
      'set rejected, by somebody: too high',
    );
    expect(happening(one('changed', { name: 'learning_rate', old: 0.1, new: 0.05 }))).toBe(
      'learning_rate: 0.1 → 0.05',
    );
    expect(happening(one('checkpoint_saved', { step: 40 }))).toBe('checkpoint saved at step 40');
  });

  it('tell of flows, step by step', () => {
    expect(happening(one('flow_started', { by: 'cli' }))).toBe('flow started, by command line');
    expect(happening(one('flow_step', { step: 'train', state: 'failed', cause: 'no memory' }))).toBe(
      'step “train”: Failed: no memory',
    );
    expect(happening(one('flow_ended', { state: 'incomplete' }))).toBe('flow ended: Not every step done');
  });

  it('are the newest hundred, newest first, each once', () => {
    const known = new Map<string, Activity>();
    for (let n = 0; n < 130; n++) known.set(`a${n}`, one('started', {}, `a${n}`, n));
    known.set('a129', one('ended', { state: 'done' }, 'a129', 129));
    const shown = newestOf(known);
    expect(shown.length).toBe(100);
    expect(shown[0]).toMatchObject({ id: 'a129', kind: 'ended' });
    expect(shown[99]!.id).toBe('a30');
    expect(known.size).toBe(100);
  });
});
