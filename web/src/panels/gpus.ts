/** Temperatures of the GPUs in a word: within limits, too hot, slowed down. Upstream: the newest machine sample, the alert's threshold. */
import { UNKNOWN } from '../format';
import type { GpuSample } from '../wire/generated';

export interface GpuHealth {
  each: { index: number; now: string; max: string }[];
  level: 'good' | 'hot' | 'throttled' | 'unknown';
  /** The reasons that the driver names; null when there are none. */
  throttling: string | null;
}

/** `limit` in degrees Celsius, null while it is not known. The answer is null on a machine without a GPU. */
export function gpuHealth(
  gpus: readonly GpuSample[],
  hottest: Readonly<Record<number, number>>,
  limit: number | null,
): GpuHealth | null {
  if (!gpus.length) return null;
  const throttled = gpus.filter(gpu => gpu.throttling);
  return {
    each: gpus.map(gpu => ({
      index: gpu.index,
      now: degrees(gpu.temperature),
      max: degrees(hottest[gpu.index]),
    })),
    level: throttled.length ? 'throttled' : heatOf(gpus, limit),
    throttling: throttled.length
      ? throttled.map(gpu => `GPU ${gpu.index}: ${gpu.throttling}`).join(', ')
      : null,
  };
}

function heatOf(gpus: readonly GpuSample[], limit: number | null): GpuHealth['level'] {
  const known = gpus.flatMap(gpu => (gpu.temperature == null ? [] : [gpu.temperature]));
  if (!known.length || limit === null) return 'unknown';
  return Math.max(...known) > limit ? 'hot' : 'good';
}

export function degrees(value: number | null | undefined): string {
  return value == null ? UNKNOWN : `${Math.round(value)} °C`;
}
