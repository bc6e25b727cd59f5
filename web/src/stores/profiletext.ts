/** A profile in rows and words: its settings with whom they come from, its bounds, what a new file says. Upstream: the wire. Downstream: the catalog. */
import type { Bounds, ProfileInfo } from '../wire/generated';
import { flattened, sameValue, shownValue } from './values';

export interface SettingRow {
  key: string;
  value: unknown;
  /** The profile it says the same as, of those that it extends. */
  inherited: string | null;
}

/** Every setting of a profile by its whole key. */
export function settingRows(profile: ProfileInfo, parent: ProfileInfo | null): SettingRow[] {
  const above = parent ? flattened(parent.config) : {};
  return Object.entries(flattened(profile.config)).map(([key, value]) => ({
    key,
    value,
    inherited: parent && key in above && sameValue(above[key], value) ? parent.id : null,
  }));
}

/** Whom a profile extends, nearest first; one that hides the built-in one of its own id ends there. */
export function ancestry(profile: ProfileInfo, all: readonly ProfileInfo[]): string[] {
  const found: string[] = [];
  let one: ProfileInfo | undefined = profile;
  while (one?.extends && !found.includes(one.extends)) {
    const above: string = one.extends;
    found.push(above);
    one = above === one.id ? undefined : all.find(other => other.id === above);
  }
  return found;
}

/** `1e-5 – 1e-3`, `≥ 1`, or the choices. */
export function boundsWords(bounds: Bounds): string {
  const { min = null, max = null, choices = null } = bounds;
  if (choices) return choices.map(shownValue).join(', ');
  if (min !== null && max !== null) return `${shownValue(min)} – ${shownValue(max)}`;
  return min !== null ? `≥ ${shownValue(min)}` : max !== null ? `≤ ${shownValue(max)}` : '—';
}

/** An id that the server takes, made of a name. */
export function idOf(name: string): string {
  const plain = name
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^\x20-\x7e]/g, '');
  return plain
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 40);
}

/** The file of a new profile that goes on from another one. */
export function variantOf(parent: ProfileInfo, name: string): string {
  return `name: ${JSON.stringify(name)}\nextends: ${parent.id}\ndescription: ""\n\n# What is said here goes before what is inherited.\nconfig: {}\n`;
}

/** The file of a new profile that begins with nothing. */
export function emptyProfile(name: string): string {
  return `name: ${JSON.stringify(name)}
description: ""
engine: transformers   # or llama_factory, lightning, script
default_epochs: 1
epochs: {min: 1, max: 100}
config:
  model:
    name: null   # the folder of a model; null asks whoever starts a run
  train:
    method: lora
    learning_rate: 2e-4
# adjustable:
#   train.learning_rate: {min: 1e-5, max: 1e-3}
# resources: {gpus: 1, gpu_memory_gb: 12}
tags: []
`;
}
