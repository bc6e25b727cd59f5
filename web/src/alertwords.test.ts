import { afterEach, describe, expect, it, vi } from 'vitest';
import { isUrgent, measured, placeOf, sentence } from './alertwords';
import { alerts as en } from './i18n/en/alerts';
import { i18n } from './i18n/index.svelte';
import type { AlertRecord } from './wire/generated';

const alert = (more: Record<string, unknown>) =>
  ({
    id: 'a',
    run_id: 'r',
    code: 'odd',
    level: 'warning',
    message: 'as told',
    data: {},
    ...more,
  }) as AlertRecord;

/** What the server sends with each code, and the sentence of it. */
const TOLD: [code: string, data: Record<string, unknown>, english: string, russian: string][] = [
  [
    'gpu_temperature',
    { gpu: 0, celsius: 86, limit: 80 },
    'GPU 0 is at 86 °C, above the limit of 80 °C',
    'GPU 0: 86 °C, выше порога 80 °C',
  ],
  [
    'memory_pressure',
    { percent: 93.26, limit: 90 },
    '93.3 % of the memory is in use, more than 90 %',
    'Занято 93,3 % оперативной памяти, больше порога 90 %',
  ],
  [
    'expert_imbalance',
    { layer: 3, imbalance: 0.4211, limit: 0.15, seconds: 60 },
    'Layer 3 uses its experts unevenly: coefficient of variation 0.42, above 0.15',
    'Слой 3 загружает экспертов неравномерно: коэффициент вариации 0,42, выше 0,15',
  ],
  [
    'dead_experts',
    { count: 2, experts: 8, layers: [0, 3], places: [] },
    'No tokens reach 2 of 8 experts (layers 0, 3)',
    'Экспертов без токенов: 2 из 8 (слои 0, 3)',
  ],
  [
    'slow_throughput',
    { current: 1510, average: 2850, percent: 47, unit: 'tokens' },
    '1.51k tokens/s, 47 % under the average of the last four minutes (2.85k)',
    '1,51k токенов/с, на 47 % ниже среднего за последние четыре минуты (2,85k)',
  ],
  [
    'checkpoint_failed',
    { step: 60, reason: 'No space left on device' },
    'The checkpoint at step 60 failed: No space left on device',
    'Контрольная точка на шаге 60 не удалась: No space left on device',
  ],
  [
    'non_finite_loss',
    { kind: 'nan', step: 812 },
    'The loss is NaN since step 812',
    'Потери равны NaN начиная с шага 812',
  ],
  ['stalled', { seconds: 75, cpu: null }, 'No step for 1 min 15 s', 'Нет ни одного шага уже 1 мин 15 с'],
  [
    'validation_completed',
    { step: 40, values: { 'eval/loss': 2.1304, 'eval/accuracy': 'NaN' } },
    'Validation at step 40 completed: eval/loss 2.13, eval/accuracy NaN',
    'Проверка на шаге 40 завершена: eval/loss 2,13, eval/accuracy NaN',
  ],
  [
    'epoch_milestone',
    { kind: 'of_total', epoch: 10, total: 30 },
    'Epoch 10 of 30 completed',
    'Завершена эпоха 10 из 30',
  ],
  ['epoch_milestone', { epoch: 10, total: null }, 'Epoch 10 completed', 'Завершена эпоха 10'],
  ['config_reloaded', { step: null }, 'Configuration reloaded at step —', 'Настройки перечитаны на шаге —'],
];

describe('the sentence of an alert', () => {
  afterEach(() => vi.unstubAllGlobals());

  const inLanguage = (code: 'en' | 'ru'): void => {
    vi.stubGlobal('localStorage', { setItem: () => undefined });
    vi.stubGlobal('document', { documentElement: {} });
    i18n.choose(code);
  };

  it.each(TOLD)('of %s %o', (code, data, english, russian) => {
    inLanguage('ru');
    expect(sentence(alert({ code, data })).replaceAll(/[\u00a0\u202f]/g, ' ')).toBe(russian);
    inLanguage('en');
    expect(sentence(alert({ code, data }))).toBe(english);
  });

  it('is the server’s own where a code or a parameter is not known', () => {
    expect(sentence(alert({ code: 'samples_failed' }))).toBe('as told');
    expect(sentence(alert({ code: 'gpu_temperature', data: { gpu: 0 } }))).toBe('as told');
    expect(sentence(alert({ code: 'run_failed', data: { kind: 'struck_by_lightning' } }))).toBe('as told');
    expect(sentence(alert({ code: 'level', data: {} }))).toBe('as told');
  });

  it('has words for every code of the contract', () => {
    const codes =
      'gpu_temperature thermal_throttling gpu_lost memory_pressure gpu_memory expert_imbalance dead_experts slow_throughput checkpoint_failed stalled disk_nearly_full console_log_large non_finite_loss run_failed run_lost damaged_lines damaged_command checkpoint_verified validation_completed config_reloaded epoch_milestone';
    const keys = Object.keys(en);
    for (const code of codes.split(' '))
      expect(
        keys.some(key => key === `alert.${code}` || key.startsWith(`alert.${code}.`)),
        code,
      ).toBe(true);
  });
});

describe('what was measured', () => {
  it('stands against its threshold', () => {
    expect(measured(alert({ code: 'gpu_temperature', value: 86, threshold: 80 }))).toBe('86 °C, limit 80 °C');
    expect(measured(alert({ code: 'memory_pressure', value: 0.931, threshold: 0.9 }))).toBe(
      '93.1%, limit 90.0%',
    );
  });

  it('is nothing where there is no value or no limit', () => {
    expect(measured(alert({ code: 'gpu_temperature', value: null, threshold: 80 }))).toBeNull();
    expect(measured(alert({ code: 'non_finite_loss', value: 'NaN', threshold: 1 }))).toBeNull();
  });
});

it('a notice is not urgent, and each alert has a place to look', () => {
  expect(isUrgent(alert({ level: 'info' }))).toBe(false);
  expect(isUrgent(alert({ level: 'critical' }))).toBe(true);
  expect(placeOf(alert({ code: 'dead_experts' }))).toBe('focus_experts');
  expect(placeOf(alert({ code: 'run_failed' }))).toBe('log');
});
