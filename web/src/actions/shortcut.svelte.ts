/** The set of keys that was chosen, and its keys as people read them. Upstream: the table of keys, local storage. Downstream: tooltips, help, listener. */
import { keepText, keptText } from '../kept';
import { KEYS, type BoundId, type KeySet } from './keys';

const STORED = 'gladius_keys';

/** A Mac's ⌘ stands for the table's Ctrl, as its users expect it. */
export const onMac = typeof navigator !== 'undefined' && /Mac|iPhone|iPad/.test(navigator.platform);

class Keys {
  #chosen = $state<KeySet>('classic');

  constructor() {
    if (keptText(STORED) === 'alt') this.#chosen = 'alt';
  }

  get chosen(): KeySet {
    return this.#chosen;
  }

  choose(set: KeySet): void {
    this.#chosen = set;
    keepText(STORED, set);
  }
}

export const keySet = new Keys();

const isBound = (id: string): id is BoundId => id in KEYS;

/** All keys of an action in a set, as the table writes them. */
export function keysOf(id: string, set: KeySet = keySet.chosen): readonly string[] {
  return isBound(id) ? KEYS[id][set] : [];
}

/** The first key of an action as it stands on the keyboard ("F2", "Ctrl+Shift+R", "⌘⇧R"); empty where it has none. */
export function shortcutOf(id: string): string {
  const [first] = keysOf(id);
  return first === undefined ? '' : inWords(first);
}

/** `name (F2)`, for tooltips. */
export function withShortcut(name: string, id: string): string {
  const words = shortcutOf(id);
  return words ? `${name} (${words})` : name;
}

/** The value of `aria-keyshortcuts`; undefined leaves the attribute out. */
export function ariaKeys(id: string): string | undefined {
  const keys = keysOf(id).map(key => key.replace('Ctrl', onMac ? 'Meta' : 'Control'));
  return keys.length ? keys.join(' ') : undefined;
}

const NAMES: Record<string, string> = {
  ArrowLeft: '←',
  ArrowRight: '→',
  ArrowUp: '↑',
  ArrowDown: '↓',
  PageUp: 'Page Up',
  PageDown: 'Page Down',
  Escape: 'Esc',
};
const MAC: Record<string, string> = { Ctrl: '⌘', Alt: '⌥', Shift: '⇧' };

/** A key of the table as it is written on keyboards. */
export function inWords(key: string, mac: boolean = onMac): string {
  const parts = key.split('+').map(part => NAMES[part] ?? (mac ? (MAC[part] ?? part) : part));
  return parts.join(mac ? '' : '+');
}
