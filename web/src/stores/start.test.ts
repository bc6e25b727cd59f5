import { afterEach, describe, expect, it, vi } from 'vitest';
import type { ProfileInfo } from '../wire/generated';
import { missing, readContext, writeContext } from './start';

const profile = (changes: Partial<ProfileInfo> = {}): ProfileInfo => ({
  id: 'tiny-moe',
  name: 'tiny-moe',
  description: '',
  engine: 'finetune',
  default_epochs: 3,
  epochs: { min: 1, max: 10 },
  needs_dataset: true,
  default_dataset: null,
  tags: [],
  builtin: true,
  config: {},
  extends: null,
  python: null,
  argv: [],
  adjustable: {},
  resources: { gpus: null, gpu_memory_gb: null, memory_gb: null, disk_gb: null },
  launcher: 'local',
  max_length: null,
  file: null,
  version: null,
  problem: null,
  problems: [],
  ...changes,
});

describe('what is missing', () => {
  it('is everything at first', () =>
    expect(missing(null, null, null)).toEqual(['profile', 'dataset', 'epochs']));
  it('is nothing when all is chosen', () => expect(missing(profile(), 'docs', 3)).toEqual([]));
  it('is no dataset where none is needed', () =>
    expect(missing(profile({ needs_dataset: false }), null, 3)).toEqual([]));
  it('is epochs outside the bounds of the profile', () => {
    for (const epochs of [0, -1, 0.5, 11, NaN, undefined])
      expect(missing(profile(), 'd', epochs)).toEqual(['epochs']);
    expect(missing(profile({ epochs: { min: 0.1, max: 10 } }), 'd', 0.5)).toEqual([]);
  });
});

describe('the last choice', () => {
  afterEach(() => vi.unstubAllGlobals());
  const stub = (text: string | null) => {
    let held = text;
    vi.stubGlobal('localStorage', {
      getItem: () => held,
      setItem: (_key: string, value: string) => void (held = value),
    });
  };
  it('comes back as it went', () => {
    stub(null);
    const context = { profile_id: 'a', dataset_id: 'b', epochs: 2.5 };
    writeContext(context);
    expect(readContext()).toEqual(context);
  });
  it('is empty when it cannot be read', () => {
    const empty = { profile_id: null, dataset_id: null, epochs: null };
    for (const text of [null, '', '{', '7', '{"profile_id": 3, "epochs": "x"}']) {
      stub(text);
      expect(readContext()).toEqual(empty);
    }
  });
});
