import { describe, expect, it } from 'vitest';
import { arrange, entryOf, type Entry } from './entries';

function entry(id: string, label: string, english = label): Entry {
  return { id, label, english, group: '', keys: '', reason: '', dangerous: false };
}

const ENTRIES = [
  entry('toggle_pause', 'Приостановить обучение', 'Pause training'),
  entry('stop', 'Остановить обучение', 'Stop training'),
  entry('checkpoint', 'Сохранить контрольную точку', 'Save checkpoint'),
  entry('page.runs', 'Перейти ко всем запускам', 'Go to all runs'),
];
const ids = (text: string, recent: string[] = []): string[] =>
  arrange(ENTRIES, text, recent).map(one => one.id);

describe('the order of the palette', () => {
  it('puts what was used last first', () => {
    expect(ids('', ['checkpoint', 'stop'])).toEqual(['checkpoint', 'stop', 'toggle_pause', 'page.runs']);
  });

  it('finds by pieces of words, in any order', () => {
    expect(ids('point save')).toEqual(['checkpoint']);
    expect(ids('svchk')).toEqual([]);
    expect(ids('stp')).toEqual(['stop']);
  });

  it('finds in Russian, and English names beside it', () => {
    expect(ids('контр')).toEqual(['checkpoint']);
    expect(ids('pause')).toEqual(['toggle_pause']);
  });

  it('prefers the one used last where two fit alike', () => {
    expect(ids('обучение', ['stop'])[0]).toBe('stop');
  });
});

describe('an entry', () => {
  it('says its keys, its group, and why it cannot be done', () => {
    const made = entryOf({ id: 'stop', label: () => 'Stop training', reason: () => 'ended', run: () => 0 });
    expect(made).toMatchObject({ keys: 'F3', group: 'Training', reason: 'ended', dangerous: false });
  });
});
