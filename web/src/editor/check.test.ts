import { describe, expect, it } from 'vitest';
import { problemsOf, type Rules } from './check';
import { closest } from './closest';
import { offersAt } from './complete';
import { withValues } from './values';

const RULES: Rules = {
  type: 'object',
  properties: {
    train: {
      type: 'object',
      additionalProperties: false,
      properties: {
        batch_size: { type: 'integer', minimum: 1, default: 8, description: 'records in a batch' },
        learning_rate: { type: 'number', minimum: 0, maximum: 1 },
        schedule: { type: 'string', enum: ['cosine', 'linear'], default: 'cosine' },
        eval_steps: { type: ['integer', 'null'] },
        checkpointing: { type: 'boolean', default: false },
      },
    } as Rules,
  },
};
const TEXT = 'train:\n  batch_size: 8\n  learning_rate: 1e-4\n  eval_steps: null\n';

describe('a configuration text', () => {
  it('has no problems when it keeps the rules; 1e-4 is a number', () => {
    expect(problemsOf(TEXT, RULES)).toEqual([]);
    expect(problemsOf('', RULES)).toEqual([]);
    expect(problemsOf('# only a remark\n', RULES)).toEqual([]);
  });

  it('names line, key and what is wanted, first line first', () => {
    const text =
      'train:\n  learning_rate: 2\n  batch_size: lots\n  schedule: square\n  eval_step: 3\n  checkpointing: 1\n';
    const found = problemsOf(text, RULES).map(({ line, key, message }) => [line, key, message]);
    expect(found).toEqual([
      [2, 'train.learning_rate', 'train.learning_rate must be at most 1'],
      [3, 'train.batch_size', 'train.batch_size must be a whole number'],
      [4, 'train.schedule', 'train.schedule: choose one of cosine, linear'],
      [5, 'train.eval_step', 'Unknown setting train.eval_step. Did you mean eval_steps?'],
      [6, 'train.checkpointing', 'train.checkpointing must be true or false'],
    ]);
  });

  it('marks the value, or the key that nobody knows', () => {
    const text = 'train:\n  batch_size: lots\n  colour: red\n';
    const marked = problemsOf(text, RULES).map(({ from, to }) => text.slice(from, to));
    expect(marked).toEqual(['lots', 'colour']);
  });

  it('is checked for YAML alone where there are no rules', () => {
    expect(problemsOf('a: 1\nb: [\n', null)[0]).toMatchObject({ key: null });
    expect(problemsOf('anything: goes\n', null)).toEqual([]);
    expect(problemsOf('just words\n', null)).toHaveLength(1);
    expect(problemsOf('a: 1\na: 2\n', null)[0]?.line).toBe(2);
  });
});

describe('completion', () => {
  it('offers the keys of the section that are not there yet', () => {
    const text = 'train:\n  batch_size: 8\n  sch';
    const found = offersAt(text, text.length, RULES)!;
    expect(text.slice(found.from)).toBe('sch');
    expect(found.offers.map(offer => offer.label)).toEqual([
      'learning_rate',
      'schedule',
      'eval_steps',
      'checkpointing',
    ]);
  });

  it('offers values where there is a choice, and sections at the margin', () => {
    const text = 'train:\n  schedule: ';
    expect(offersAt(text, text.length, RULES)!.offers.map(offer => offer.label)).toEqual([
      'cosine',
      'linear',
    ]);
    expect(offersAt('', 0, RULES)!.offers).toMatchObject([{ label: 'train', apply: 'train:' }]);
    expect(offersAt('other:\n  x', 10, RULES)).toBeNull();
  });
});

describe('filling values in', () => {
  it('leaves comments, order and everything else as it is', () => {
    const text = '# mine\ntrain:\n  batch_size: 8   # small\n  learning_rate: 1e-4\n';
    expect(withValues(text, { 'train.batch_size': 32 })).toBe(text.replace('8 ', '32 '));
    const more = withValues(text, { 'train.seed': 7, 'data.max_length': 96, 'train.batch_size': null });
    expect(more).toContain('# mine');
    expect(more).toContain('seed: 7');
    expect(more).toContain('max_length: 96');
    expect(more).toContain('batch_size: null');
    expect(problemsOf(more, null)).toEqual([]);
  });

  it('quotes a text that would be read as something else', () => {
    expect(withValues('a: x\n', { a: 'true' })).toBe('a: "true"\n');
  });

  it('is refused by a text that is no YAML', () => {
    expect(() => withValues('a: [', { a: 1 })).toThrow();
  });
});

it('a far word is nobody’s typing mistake', () => {
  expect(closest('learning_rte', ['learning_rate', 'seed'])).toBe('learning_rate');
  expect(closest('colour', ['learning_rate', 'seed'])).toBeNull();
});
