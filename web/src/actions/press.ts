/** What was pressed, in the notation of the table of keys. Upstream: keyboard events. Downstream: the listener. */

export type Press = Pick<
  KeyboardEvent,
  'key' | 'code' | 'ctrlKey' | 'altKey' | 'shiftKey' | 'metaKey' | 'getModifierState'
>;

const LATIN = /^[a-z]$/i;
const DIGIT = /^[0-9]$/;

/**
 * The key's own name: letters and digits by what they print, and by their place where another script or a
 * layout prints something else there ("Ctrl+К" of a Russian keyboard is Ctrl+R).
 */
function nameOf(event: Press): string {
  if (LATIN.test(event.key)) return event.key.toUpperCase();
  if (DIGIT.test(event.key)) return event.key;
  const place = /^(?:Key([A-Z])|Digit([0-9])|Numpad([0-9]))$/.exec(event.code);
  if (!place) return event.key;
  if (place[1]) return isAscii(event.key) && !event.altKey ? event.key : place[1];
  return event.ctrlKey || event.altKey || event.metaKey ? place[2]! : event.key;
}

const isAscii = (key: string): boolean => key.length === 1 && key < '\x7f';

/** "Ctrl+Shift+R", "F2", "?". AltGr types characters and is neither Ctrl nor Alt. */
export function pressed(event: Press, mac: boolean): string {
  const typing = event.getModifierState('AltGraph');
  const name = nameOf(event);
  const control = !typing && (event.ctrlKey || (mac && event.metaKey));
  const alt = !typing && event.altKey;
  if (event.metaKey && !mac) return '';
  // A character that needs Shift somewhere is that character, wherever it stands.
  const shift = event.shiftKey && (control || alt || name.length > 1);
  return [control && 'Ctrl', alt && 'Alt', shift && 'Shift', name].filter(Boolean).join('+');
}

const NOT_TYPED_INTO = new Set([
  'button',
  'checkbox',
  'color',
  'file',
  'image',
  'radio',
  'range',
  'reset',
  'submit',
]);

/** Whether characters that are typed now belong to `target`. */
export function isTypedInto(target: Element | null): boolean {
  if (target instanceof HTMLInputElement) return !target.readOnly && !NOT_TYPED_INTO.has(target.type);
  if (target instanceof HTMLTextAreaElement) return !target.readOnly;
  return target instanceof HTMLSelectElement || (target instanceof HTMLElement && target.isContentEditable);
}
