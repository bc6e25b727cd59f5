import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { i18n } from './index.svelte';
import { SENTENCES } from './server.ru';
import { told, toldIn } from './told';

const places = (text: string): string[] => (text.match(/\{\d\}/g) ?? []).sort();

describe('what the server says', () => {
  beforeAll(() => {
    vi.stubGlobal('localStorage', { setItem: () => undefined });
    vi.stubGlobal('document', { documentElement: {} });
    i18n.choose('ru');
  });
  afterAll(() => {
    i18n.choose('en');
    vi.unstubAllGlobals();
  });

  it('is Russian, with its numbers and names', () => {
    expect(told('No run ‘x’')).toBe('No run ‘x’');
    expect(told("No run 'a7'.")).toBe('Запуска «a7» нет.');
    expect(told('Batches of 8 instead of 16; each step then averages over fewer samples.')).toBe(
      'Пакеты по 8 вместо 16; тогда каждый шаг усредняет по меньшему числу примеров.',
    );
  });

  it('is translated sentence by sentence, and inside of another', () => {
    expect(told("No run 'a7'. 'gladius ls' lists the runs.")).toBe(
      'Запуска «a7» нет. «gladius ls» покажет запуски.',
    );
    expect(told('This run cannot pause: the run has ended.')).toBe(
      'Этому запуску команда pause недоступна: запуск окончен.',
    );
    expect(told('It changes how the learning rate runs from here on. At step 7 it stays 0.001.')).toBe(
      'Меняет дальнейший ход скорости обучения. На шаге 7 она останется 0,001.',
    );
    expect(told('Paused by browser')).toBe('Приостановил: браузер');
    expect(told('Needs you: loss is nan since step 5')).toBe('Нужны вы: потери равны nan с шага 5');
  });

  it('keeps a bracket of evidence and the like', () => {
    expect(told('No step for 75 s (CPU 3 %)')).toBe('Ни одного шага за 75 с (CPU 3 %)');
    expect(told('Killed: ended by SIGKILL')).toBe('Убит: завершён сигналом SIGKILL');
    expect(told('Killed: ended by SIGKILL of unknown origin')).toBe(
      'Убит: завершён сигналом SIGKILL, кем — неизвестно',
    );
  });

  it('stays English and says so where nobody translated it', () => {
    expect(told('RuntimeError: boom')).toBe('RuntimeError: boom');
    expect(toldIn('RuntimeError: boom')).toBe('en');
    expect(toldIn('It has not started yet.')).toBeUndefined();
  });

  it('is English on the English page', () => {
    i18n.choose('en');
    expect(told('It has not started yet.')).toBe('It has not started yet.');
    expect(toldIn('RuntimeError: boom')).toBeUndefined();
    i18n.choose('ru');
  });
});

describe('the catalogue', () => {
  it.each(SENTENCES)('fills each place of %j', (english, russian) => {
    expect(places(russian)).toEqual(places(english));
    expect(russian).not.toMatch(/^\s|\s$/);
  });
});
