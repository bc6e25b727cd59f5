import { describe, expect, it } from 'vitest';
import type { Adjustable, HyperparameterChange } from '../wire/generated';
import { history, knobs, objection, type Knob } from './adjust';

const change = (name: string, old: unknown, now: unknown, seq: number, attempt = 1) =>
  ({
    type: 'hyperparameters',
    seq,
    time: seq,
    attempt,
    name,
    old,
    new: now,
    step: seq,
    by: 'cli',
  }) as unknown as HyperparameterChange;
const rate = { value: 0.01, min: 0, max: 1, applies: 'live' } as unknown as Adjustable;
const knob = (more: Partial<Knob> = {}): Knob => ({
  name: 'learning_rate',
  key: 'train.learning_rate',
  label: null,
  now: 0.01,
  min: 0,
  max: 1,
  applies: 'live',
  ...more,
});

describe('a row', () => {
  it('shows what this attempt set last, not what it began with', () => {
    const changes = [
      change('learning_rate', 0.5, 0.4, 1, 1),
      change('learning_rate', 0.01, 0.02, 7, 2),
      change('weight_decay', 0, 0.1, 8, 2),
    ];
    expect(knobs({ learning_rate: rate }, changes, 2)[0]!.now).toBe(0.02);
    expect(knobs({ learning_rate: rate }, changes, 3)[0]!.now).toBe(0.01);
  });

  it('is its own key where the trainer named none', () => {
    expect(knobs({ learning_rate: rate }, [], 1)[0]).toMatchObject({ key: 'learning_rate', label: null });
  });
});

describe('the rows', () => {
  it('begin with what steers the learning and end with what needs a restart', () => {
    const one = (applies: string) => ({ value: 1, applies }) as unknown as Adjustable;
    const names = ['batch_size', 'eval_steps', 'momentum', 'learning_rate'];
    const given = Object.fromEntries(
      names.map(name => [name, one(name === 'batch_size' ? 'restart' : 'live')]),
    );
    expect(knobs(given, [], 1).map(row => row.name)).toEqual([
      'momentum',
      'learning_rate',
      'eval_steps',
      'batch_size',
    ]);
  });
});

describe('what is typed', () => {
  it('must lie within the bounds', () => {
    expect(objection(knob(), '0.5')).toBeNull();
    expect(objection(knob(), '1.5')).toEqual({ why: 'between', min: 0, max: 1 });
    expect(objection(knob({ max: null }), '-1')).toEqual({ why: 'min', bound: 0 });
    expect(objection(knob({ min: null }), '2')).toEqual({ why: 'max', bound: 1 });
    expect(objection(knob({ min: 0, max: null }), '1e9')).toBeNull();
  });

  it('must be a number where one is wanted', () => {
    expect(objection(knob(), 'fast')).toEqual({ why: 'number' });
    expect(objection(knob({ now: undefined }), 'true')).toEqual({ why: 'number' });
    expect(objection(knob({ now: 'cosine', min: null, max: null }), 'linear')).toBeNull();
    expect(objection(knob({ now: true, min: null, max: null }), '1')).toEqual({ why: 'truth' });
  });

  it('must be whole where it counts something', () => {
    const steps = knob({ name: 'logging_steps', now: 10, max: null });
    expect(objection(steps, '2.5')).toEqual({ why: 'whole' });
    expect(objection(steps, '25')).toBeNull();
  });

  it('must change something', () => {
    expect(objection(knob(), '')).toEqual({ why: 'empty' });
    expect(objection(knob(), '1e-2')).toEqual({ why: 'same' });
  });
});

describe('the history of changes', () => {
  it('is newest first, and offers to take back the newest of each name alone', () => {
    const found = history(
      [change('learning_rate', 1, 2, 1), change('weight_decay', 0, 1, 2), change('learning_rate', 2, 3, 3)],
      1,
    );
    expect(found.map(one => [one.name, one.new, one.revertible])).toEqual([
      ['learning_rate', 3, true],
      ['weight_decay', 1, true],
      ['learning_rate', 2, false],
    ]);
  });

  it('takes a revert for what it is, so that the next one goes further back and never forth', () => {
    const set = [change('a', 1, 2, 1, 1), change('a', 2, 3, 2, 1)];
    const once = history([...set, change('a', 3, 2, 3, 1)], 1);
    expect(once.map(one => one.revertible)).toEqual([false, false, true]);
    const twice = history([...set, change('a', 3, 2, 3, 1), change('a', 2, 1, 4, 1)], 1);
    expect(twice.some(one => one.revertible)).toBe(false);
  });

  it('does not offer what an earlier attempt changed, or what has no value to go back to', () => {
    expect(history([change('a', 1, 2, 1, 1)], 2)[0]!.revertible).toBe(false);
    expect(history([change('a', null, 2, 1, 1)], 1)[0]!.revertible).toBe(false);
  });
});
