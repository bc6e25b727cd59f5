import { describe, expect, it } from 'vitest';
import { KEYS, type KeySet } from './keys';
import { ariaKeys, inWords, keySet, keysOf, shortcutOf, withShortcut } from './shortcut.svelte';

describe('keys in words', () => {
  it('reads as it stands on the keyboard', () => {
    expect(inWords('Ctrl+Shift+R', false)).toBe('Ctrl+Shift+R');
    expect(inWords('Alt+ArrowLeft', false)).toBe('Alt+←');
    expect(inWords('PageUp', false)).toBe('Page Up');
    expect(inWords('Ctrl+Shift+R', true)).toBe('⌘⇧R');
  });

  it('names the first key of an action, and nothing where there is none', () => {
    expect(keySet.chosen).toBe('classic');
    expect(shortcutOf('checkpoint')).toBe('F5');
    expect(withShortcut('Pause', 'toggle_pause')).toBe('Pause (F2)');
    expect(withShortcut('Runs', 'page.runs')).toBe('Runs');
    expect(ariaKeys('checkpoint')).toBe('F5 Control+S');
    expect(ariaKeys('page.runs')).toBeUndefined();
  });
});

describe('the table', () => {
  it.each<KeySet>(['classic', 'alt'])('gives each key of the %s set to one action', set => {
    const taken = Object.keys(KEYS).flatMap(id => keysOf(id, set));
    expect(taken.length).toBeGreaterThan(25);
    expect(new Set(taken).size).toBe(taken.length);
  });
});
