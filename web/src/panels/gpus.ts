/** Temperatures of the GPUs in a word: within limits, warm, hot, throttled. Upstream: the newest machine sample. */
import { UNKNOWN } from '../format';
import type { GpuSample } from '../wire/generated';

/** Degrees Celsius above which a GPU is warm, and near to where it slows itself down; the first is the alert's default. */
const WARM = 80;
const HOT = 90;

export interface GpuHealth {
  each: { index: number; now: string; max: string }[];
  level: 'good' | 'warm' | 'hot' | 'throttled' | 'unknown';
  /** The reasons that the driver names; null when there are none. */
  throttling: string | null;
}

/** Null on a machine without a GPU. */
export function gpuHealth(
  gpus: readonly GpuSample[],
  hottest: Readonly<Record<number, number>>,
): GpuHealth | null {
  if (!gpus.length) return null;
  const known = gpus.flatMap(gpu => (gpu.temperature == null ? [] : [gpu.temperature]));
  const throttled = gpus.filter(gpu => gpu.throttling);
  return {
    each: gpus.map(gpu => ({
      index: gpu.index,
      now: degrees(gpu.temperature),
      max: degrees(hottest[gpu.index]),
    })),
    level: throttled.length
      ? 'throttled'
      : !known.length
        ? 'unknown'
        : Math.max(...known) > HOT
          ? 'hot'
          : Math.max(...known) > WARM
            ? 'warm'
            : 'good',
    throttling: throttled.length
      ? throttled.map(gpu => `GPU ${gpu.index}: ${gpu.throttling}`).join(', ')
      : null,
  };
}

export function degrees(value: number | null | undefined): string {
  return value == null ? UNKNOWN : `${Math.round(value)} °C`;
}
