/** The alert thresholds as a person reads and types them: units, bounds, order. The server judges; a test holds the bounds to its schema. Upstream: the wire. Downstream: the settings' forms. */
import type { Thresholds } from './wire/generated';

export type ThresholdField = keyof Thresholds;
export type ThresholdUnit = 'celsius' | 'percent' | 'ratio' | 'seconds' | 'bytes' | 'epochs';

export interface Threshold {
  unit: ThresholdUnit;
  /** In the wire's unit; an exclusive bound is said as it is. */
  min: number;
  max: number | null;
  exclusive?: 'min' | 'both' | 'max';
}

export const THRESHOLDS = {
  gpu_temperature: { unit: 'celsius', min: 30, max: 120 },
  memory_pressure: { unit: 'percent', min: 0, max: 1, exclusive: 'min' },
  gpu_memory: { unit: 'percent', min: 0, max: 1, exclusive: 'min' },
  expert_imbalance: { unit: 'ratio', min: 0, max: 100, exclusive: 'min' },
  expert_imbalance_seconds: { unit: 'seconds', min: 0, max: 86_400 },
  dead_experts_seconds: { unit: 'seconds', min: 0, max: 86_400 },
  slow_throughput: { unit: 'percent', min: 0, max: 1, exclusive: 'both' },
  slow_throughput_seconds: { unit: 'seconds', min: 1, max: 120 },
  disk_free: { unit: 'percent', min: 0, max: 1, exclusive: 'max' },
  console_log_bytes: { unit: 'bytes', min: 1, max: null },
  epoch_milestone: { unit: 'epochs', min: 1, max: 1_000_000 },
} as const satisfies Record<ThresholdField, Threshold>;

/** How many of what is typed make one of the wire's unit. */
const SCALE: Record<ThresholdUnit, number> = {
  celsius: 1,
  percent: 100,
  ratio: 1,
  seconds: 1,
  bytes: 1 / 2 ** 20,
  epochs: 1,
};

/** The wire's value as it stands in the field: 0.9 as 90. */
export function toField(field: ThresholdField, value: number): number {
  return trimmed(value * SCALE[THRESHOLDS[field].unit]);
}

/** What was typed, in the wire's unit; null when it is no number. */
export function fromField(field: ThresholdField, typed: number | null): number | null {
  if (typed === null || !Number.isFinite(typed)) return null;
  const { unit } = THRESHOLDS[field];
  const value = trimmed(typed / SCALE[unit]);
  return unit === 'bytes' ? Math.round(value) : value;
}

/** Without the digits that a multiplication leaves behind. */
function trimmed(value: number): number {
  return Number(value.toPrecision(12));
}
