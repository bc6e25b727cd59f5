/** @vitest-environment jsdom */
import { afterEach, expect, test } from 'vitest';
import { healthSentence } from './health';
import { i18n } from './i18n/index.svelte';
import type { Health } from './wire/generated';

const health = (code: string, data: Health['data'] = {}): Health => ({
  level: 'attention',
  code,
  message: 'As it came',
  data,
});

afterEach(() => i18n.choose('en'));

test('the sentence of a code takes its data', () => {
  const dead = health('dead_experts', { count: 3, experts: 32 });
  expect(healthSentence(dead)).toBe('Training, but no tokens reach 3 of 32 experts');
  i18n.choose('ru');
  expect(healthSentence(dead)).toBe('Обучение идёт, но экспертов без токенов: 3 из 32');
  expect(healthSentence(health('no_sign', { seconds: 75, evidence: ' (CPU 3 %)' }))).toBe(
    'Нет признаков жизни 75 с (CPU 3 %)',
  );
});

test('a code that nobody translated is said as it came', () => {
  expect(healthSentence(health('odd'))).toBe('As it came');
});
