import { describe, expect, it } from 'vitest';
import type { FlowArg } from '../wire/generated';
import { firstText, isCommandText, missingArgs, valueOf } from './flowargs';

const arg = (more: Partial<FlowArg>): FlowArg => ({
  name: 'a',
  kind: 'text',
  description: '',
  required: false,
  default: null,
  ...more,
});

describe('what a flow is given', () => {
  it('begins with the defaults', () => {
    expect(firstText(arg({ default: 3 }))).toBe('3');
    expect(firstText(arg({}))).toBe('');
  });

  it('is a number, a text, or nothing', () => {
    expect(valueOf(arg({ kind: 'number' }), ' 2,5 ')).toBe(2.5);
    expect(valueOf(arg({ kind: 'number' }), 'many')).toBe('many');
    expect(valueOf(arg({}), '7')).toBe('7');
    expect(valueOf(arg({ kind: 'number' }), '  ')).toBeNull();
  });

  it('lacks what must be given', () => {
    expect(missingArgs([arg({ required: true }), arg({ name: 'b' })], { a: ' ' })).toEqual(['a']);
    expect(missingArgs([arg({ required: true })], { a: 'x' })).toEqual([]);
  });
});

describe('a command as text', () => {
  it('is known by its first line', () => {
    expect(isCommandText('\n TRAIN  AGENT\nPROFILE="x"')).toBe(true);
    expect(isCommandText('INDEX KNOWLEDGE PATH="x"')).toBe(true);
    expect(isCommandText('train agent')).toBe(false);
    expect(isCommandText('TRAIN AGENTS')).toBe(false);
  });
});
