import { describe, expect, it } from 'vitest';
import type { ConfigSnapshot, ConfigValue, PresetInfo } from '../wire/generated';
import { rememberDraft, storedDraft } from './drafts';
import { differences, fits, keepable } from './presets';
import { groups } from './snapshot';

const none: ConfigValue = { value: null, source: null, key: null, changed: false, was: null, step: null };
const said = (value: ConfigValue['value'], more: Partial<ConfigValue> = {}): ConfigValue => ({
  ...none,
  value,
  source: 'launched',
  ...more,
});

const SNAPSHOT: ConfigSnapshot = {
  file: null,
  live_changes: 1,
  model: {
    name: said('moe'),
    parameters: said(3_100_000),
    trainable_parameters: said(620_000),
    adapter: said('lora, rank 8'),
    experts: said(8),
    active_experts: said(2),
  },
  training: {
    batch_size: said(16),
    gradient_accumulation: said(4),
    world_size: said(2),
    effective_batch: said(128),
    max_length: none,
    precision: said('bf16'),
    seed: said(42),
  },
  optimization: {
    learning_rate: said(0.001, { source: 'live', changed: true, was: 0.003, step: 12, key: 'train.lr' }),
    schedule: said('cosine'),
    warmup_steps: none,
    warmup_ratio: said(0.1),
    optimizer: said('adamw'),
    betas: said([0.9, 0.999]),
    epsilon: said(1e-8),
    weight_decay: none,
  },
  checkpointing: {
    every_minutes: said(10),
    every_steps: said(0),
    each_epoch: said(true),
    validation_steps: said(0),
    validation_each_epoch: none,
  },
};

function shown(snapshot: ConfigSnapshot): Record<string, string> {
  const lines = groups(snapshot).flatMap(group => group.lines);
  return Object.fromEntries(lines.map(line => [line.label, line.text]));
}

describe('the snapshot in lines', () => {
  it('says what is known, and a dash for the rest', () => {
    expect(shown(SNAPSHOT)).toMatchObject({
      'config.experts': '8, 2 per token',
      'config.parameters': '3.1M, 620k trained',
      'config.adapter': 'lora, rank 8',
      'config.accumulation': '4 × 2 devices',
      'config.effective': '128',
      'config.warmup': '10 %',
      'config.betas': '0.9; 0.999; 1e-8',
      'config.max_length': '—',
      'config.weight_decay': '—',
      'config.checkpoint': 'every 10 min, each epoch',
      'config.validation': 'never',
    });
  });

  it('shows a live change with what it was, and where it comes from', () => {
    const rate = groups(SNAPSHOT)[2]!.lines[0]!;
    expect([rate.text, rate.was]).toEqual(['0.001', '0.003']);
    expect(rate.title).toContain('Changed at step 12: it was 0.003');
  });

  it('never says never of what nobody told', () => {
    const checkpointing = { ...SNAPSHOT.checkpointing, validation_steps: none };
    expect(shown({ ...SNAPSHOT, checkpointing })['config.validation']).toBe('—');
  });
});

describe('presets', () => {
  const preset: PresetInfo = {
    id: 'p',
    name: 'P',
    description: '',
    engine: 'script',
    profile: 'loop',
    values: { 'train.seed': 7 as never, 'train.batch_size': 8 as never },
    created_at: null,
    from_run: null,
    builtin: false,
    problem: null,
  };
  const row = (key: string, file: unknown): never =>
    ({
      key,
      name: null,
      file,
      launched: file,
      live: null,
      applies: 'restart',
      changed: false,
      edited: false,
    }) as never;

  it('fit the profile or the engine that they were made for', () => {
    expect(fits(preset, 'loop', 'script')).toBe(true);
    expect(fits(preset, 'other', 'script')).toBe(false);
    expect(fits({ ...preset, profile: null }, 'other', 'script')).toBe(true);
    expect(fits({ ...preset, problem: 'line 2' }, 'loop', 'script')).toBe(false);
  });

  it('change what the file says otherwise or not at all', () => {
    const rows = [row('train.seed', 42), row('train.batch_size', 8)];
    expect(differences(preset, rows)).toEqual([{ key: 'train.seed', now: 42, then: 7 }]);
  });

  it('keep no place of data, and nothing that is not set', () => {
    const rows = [row('data.path', '/x'), row('data.max_length', 96), row('train.max_steps', null)];
    expect(keepable(rows)).toEqual([{ key: 'data.max_length', value: 96 }]);
  });
});

it('a draft is kept until it is forgotten; a broken one is none', () => {
  const kept = new Map<string, string>();
  const storage = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  };
  rememberDraft(storage, 'r', { text: 'a: 1', version: 'v' });
  expect(storedDraft(storage, 'r')).toEqual({ text: 'a: 1', version: 'v' });
  rememberDraft(storage, 'r', null);
  expect(storedDraft(storage, 'r')).toBeNull();
  kept.set('gladius_config_draft:r', '{broken');
  expect(storedDraft(storage, 'r')).toBeNull();
});
