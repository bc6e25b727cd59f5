import { describe, expect, it } from 'vitest';
import { pressed, type Press } from './press';

interface Given {
  key: string;
  code: string;
  with?: ('ctrl' | 'alt' | 'shift' | 'meta' | 'altgr')[];
}

function press({ key, code, with: held = [] }: Given): Press {
  return {
    key,
    code,
    ctrlKey: held.includes('ctrl'),
    altKey: held.includes('alt'),
    shiftKey: held.includes('shift'),
    metaKey: held.includes('meta'),
    getModifierState: name => name === 'AltGraph' && held.includes('altgr'),
  };
}

const cases: [string, Given, string][] = [
  ['a function key', { key: 'F2', code: 'F2' }, 'F2'],
  ['a letter with Ctrl', { key: 's', code: 'KeyS', with: ['ctrl'] }, 'Ctrl+S'],
  ['Ctrl and Shift', { key: 'R', code: 'KeyR', with: ['ctrl', 'shift'] }, 'Ctrl+Shift+R'],
  ['a Russian layout by place', { key: 'К', code: 'KeyR', with: ['ctrl', 'shift'] }, 'Ctrl+Shift+R'],
  ['a Russian layout with Alt', { key: 'з', code: 'KeyP', with: ['alt'] }, 'Alt+P'],
  ['a French layout by what it prints', { key: 'z', code: 'KeyW', with: ['ctrl'] }, 'Ctrl+Z'],
  ['a French digit with Ctrl', { key: 'à', code: 'Digit0', with: ['ctrl'] }, 'Ctrl+0'],
  ['a French digit alone', { key: '&', code: 'Digit1' }, '&'],
  ['a digit of a French keyboard', { key: '1', code: 'Digit1', with: ['shift'] }, '1'],
  ['a digit of the number block', { key: '3', code: 'Numpad3' }, '3'],
  ['a question mark', { key: '?', code: 'Slash', with: ['shift'] }, '?'],
  ['a Russian question mark', { key: '?', code: 'Digit7', with: ['shift'] }, '?'],
  ['an arrow', { key: 'ArrowLeft', code: 'ArrowLeft', with: ['alt'] }, 'Alt+ArrowLeft'],
  ['AltGr, which Windows tells as both', { key: 'ł', code: 'KeyL', with: ['ctrl', 'alt', 'altgr'] }, 'L'],
  ['a Russian letter alone', { key: 'ф', code: 'KeyA' }, 'A'],
  ['the Windows key', { key: 's', code: 'KeyS', with: ['meta'] }, ''],
  ['a chord that reloads', { key: 'F5', code: 'F5', with: ['ctrl'] }, 'Ctrl+F5'],
];

describe('what was pressed', () => {
  it.each(cases)('%s', (_, given, expected) => expect(pressed(press(given), false)).toBe(expected));

  it('takes a Mac’s ⌘ for Ctrl, and Option by its place', () => {
    expect(pressed(press({ key: 's', code: 'KeyS', with: ['meta'] }), true)).toBe('Ctrl+S');
    expect(pressed(press({ key: 'π', code: 'KeyP', with: ['alt'] }), true)).toBe('Alt+P');
  });
});
