import { expect, test } from 'vitest';
import type { GpuSample } from '../wire/generated';
import { gpuHealth } from './gpus';

const gpu = (temperature: number | null, throttling: string | null = null, index = 0): GpuSample => ({
  index,
  name: 'A100',
  temperature,
  throttling,
});

const level = (limit: number | null, ...gpus: GpuSample[]) => gpuHealth(gpus, {}, limit)?.level;

test('too hot is what the alert calls so: above the threshold of the settings', () => {
  expect(level(80, gpu(80))).toBe('good');
  expect(level(80, gpu(81))).toBe('hot');
  expect(level(95, gpu(81))).toBe('good');
  expect(level(60, gpu(50), gpu(61, null, 1))).toBe('hot');
});

test('what nobody measured, or no limit yet, is unknown; no GPU is none', () => {
  expect(level(80, gpu(null))).toBe('unknown');
  expect(level(null, gpu(99))).toBe('unknown');
  expect(gpuHealth([], {}, 80)).toBeNull();
});

test('a GPU that slows itself down says why, whatever its temperature', () => {
  const health = gpuHealth([gpu(70, 'power cap'), gpu(99, null, 1)], { 0: 75.6 }, 80)!;
  expect(health.level).toBe('throttled');
  expect(health.throttling).toBe('GPU 0: power cap');
  expect(health.each).toEqual([
    { index: 0, now: '70 °C', max: '76 °C' },
    { index: 1, now: '99 °C', max: '—' },
  ]);
});
