/** Hyperparameters that can be changed: what they are now, what may be typed, what was changed. Upstream: the run's record. */
import type { Adjustable, HyperparameterChange } from '../wire/generated';
import { parseValue, sameValue, type Value } from './values';

export type Applies = NonNullable<Adjustable['applies']>;

/** One row of the dialog. */
export interface Knob {
  name: string;
  /** The key of the configuration that it stands for; the name where the trainer named none. */
  key: string;
  label: string | null;
  now: Value;
  min: number | null;
  max: number | null;
  applies: Applies;
}

/** Why a typed value cannot be set; null when it can. */
export type Objection =
  | { why: 'empty' | 'same' | 'number' | 'whole' | 'truth' }
  | { why: 'min' | 'max'; bound: number }
  | { why: 'between'; min: number; max: number };

export interface Change {
  name: string;
  old: Value;
  new: Value;
  step: number | null;
  time: number;
  attempt: number;
  by: string | null;
  /** The newest of its name in this attempt that still stands, with an old value to go back to. */
  revertible: boolean;
}

/** What steers the learning first, then how often something is done, then what needs a restart; else as the trainer has it. */
function rank({ name, applies }: Knob): number {
  return applies === 'restart' ? 2 : /(_(steps|minutes|epochs|every)|_every_\w+)$/.test(name) ? 1 : 0;
}

/** The rows of the dialog. What this attempt changed since it said hello is the value now. */
export function knobs(
  adjustable: Record<string, Adjustable>,
  changes: readonly HyperparameterChange[],
  attempt: number,
): Knob[] {
  const rows = Object.entries(adjustable).map(([name, one]): Knob => {
    const last = changes.findLast(change => change.name === name && change.attempt === attempt);
    return {
      name,
      key: one.key ?? name,
      label: one.label ?? null,
      now: last ? last.new : one.value,
      min: one.min ?? null,
      max: one.max ?? null,
      applies: one.applies ?? 'live',
    };
  });
  return rows.sort((a, b) => rank(a) - rank(b));
}

/** Check what was typed against the row's kind and bounds. */
export function objection(knob: Knob, typed: string): Objection | null {
  const value = parseValue(typed);
  if (value === undefined) return { why: 'empty' };
  if (typeof knob.now === 'boolean' && typeof value !== 'boolean') return { why: 'truth' };
  const bounded = knob.min !== null || knob.max !== null;
  if (typeof knob.now === 'number' || bounded) {
    if (typeof value !== 'number') return { why: 'number' };
    const low = knob.min !== null && value < knob.min;
    const high = knob.max !== null && value > knob.max;
    if ((low || high) && knob.min !== null && knob.max !== null)
      return { why: 'between', min: knob.min, max: knob.max };
    if (low) return { why: 'min', bound: knob.min! };
    if (high) return { why: 'max', bound: knob.max! };
    if (isCount(knob.name) && !Number.isInteger(value)) return { why: 'whole' };
  }
  return sameValue(value, knob.now) ? { why: 'same' } : null;
}

/** Steps and sizes are counted: half of one does not exist. */
function isCount(name: string): boolean {
  return /(_steps|batch_size)$/.test(name);
}

/** Newest first. The newest change of a name that still stands can be taken back: one that led back took its change away. */
export function history(changes: readonly HyperparameterChange[], attempt: number): Change[] {
  const inOrder = [...changes].sort((a, b) => a.seq - b.seq);
  const standing = new Map<string, HyperparameterChange[]>();
  for (const change of inOrder.filter(one => one.attempt === attempt)) {
    const stack = standing.get(change.name) ?? [];
    if (stack.length && sameValue(stack.at(-1)!.old, change.new)) stack.pop();
    else stack.push(change);
    standing.set(change.name, stack);
  }
  const revertible = [...standing.values()].map(stack => stack.at(-1));
  return inOrder.reverse().map(change => ({
    name: change.name,
    old: change.old,
    new: change.new,
    step: change.step ?? null,
    time: change.time,
    attempt: change.attempt,
    by: change.by ?? null,
    revertible: revertible.includes(change) && change.old !== undefined && change.old !== null,
  }));
}
