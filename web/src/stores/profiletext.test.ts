import { describe, expect, it } from 'vitest';
import { parseDocument } from 'yaml';
import type { ProfileInfo } from '../wire/generated';
import { ancestry, boundsWords, emptyProfile, idOf, settingRows, variantOf } from './profiletext';

const profile = (id: string, changes: Partial<ProfileInfo> = {}): ProfileInfo =>
  ({ id, config: {}, extends: null, ...changes }) as ProfileInfo;

describe('a profile in words', () => {
  it('tells which settings it inherits', () => {
    const parent = profile('a', { config: { train: { lr: 1, steps: 2 } } });
    const own = profile('b', { config: { train: { lr: 3, steps: 2 } }, extends: 'a' });
    expect(settingRows(own, parent)).toEqual([
      { key: 'train.lr', value: 3, inherited: null },
      { key: 'train.steps', value: 2, inherited: 'a' },
    ]);
  });

  it('names whom it extends, and ends where one extends itself', () => {
    const all = [profile('a'), profile('b', { extends: 'a' }), profile('c', { extends: 'b' })];
    expect(ancestry(all[2]!, all)).toEqual(['b', 'a']);
    const hiding = profile('lora', { extends: 'lora' });
    expect(ancestry(hiding, [hiding])).toEqual(['lora']);
    const circle = [profile('x', { extends: 'y' }), profile('y', { extends: 'x' })];
    expect(ancestry(circle[0]!, circle)).toEqual(['y', 'x']);
  });

  it('says bounds shortly', () => {
    expect(boundsWords({ min: 1e-5, max: 1e-3, choices: null })).toBe('1e-5 – 0.001');
    expect(boundsWords({ min: 1, max: null, choices: null })).toBe('≥ 1');
    expect(boundsWords({ min: null, max: null, choices: ['cosine', 'linear'] })).toBe('cosine, linear');
  });

  it('makes an id of a name, and of a name without Latin letters none', () => {
    expect(idOf('  Night shift: Ünïcode! ')).toBe('night-shift-unicode');
    expect(idOf('Ночь')).toBe('');
  });

  it('begins a file that is YAML, whatever the name holds', () => {
    const name = 'a: "b" # c\n- d';
    for (const text of [variantOf(profile('lora-sft'), name), emptyProfile(name)]) {
      const parsed = parseDocument(text);
      expect(parsed.errors).toEqual([]);
      expect(parsed.get('name')).toBe(name);
    }
  });
});
