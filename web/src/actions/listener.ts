/** The one listener of the page's shortcuts. Upstream: the keyboard. Downstream: the registry. */
import { t } from '../i18n/index.svelte';
import { announcements } from './announcements.svelte';
import { KEYS, type BoundId } from './keys';
import { isTypedInto, pressed } from './press';
import { remember } from './recent';
import { actions } from './registry.svelte';
import { keySet, keysOf, onMac } from './shortcut.svelte';

/** Held down they go on; everything else happens once. */
const REPEATABLE = /^(log_|zoom_)/;
const FUNCTION_KEY = /^F\d+$/;
/** Navigation is nothing to come back to: it would only stand before what somebody looks for. */
const FORGOTTEN: readonly string[] = ['palette', 'help', 'back'];

/** Hear shortcuts until the returned function is called. */
export function listenToKeys(): () => void {
  // On the way in: a terminal or an editor would take some of them for itself.
  window.addEventListener('keydown', hear, { capture: true });
  return () => window.removeEventListener('keydown', hear, { capture: true });
}

function hear(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing) return;
  const key = pressed(event, onMac);
  const id = boundTo(key, event.target);
  if (id === null) return;
  const open = isDialogOpen();
  if (open && !FUNCTION_KEY.test(key)) return;
  event.preventDefault();
  event.stopPropagation();
  // Under a dialog shortcuts rest; a function key must not reload the page from under it either.
  if (open || (event.repeat && !REPEATABLE.test(id))) return;
  perform(id);
}

/** The action of `key` that is there now and may be reached from `target`. */
function boundTo(key: string, target: EventTarget | null): BoundId | null {
  const element = target instanceof Element ? target : null;
  for (const id of Object.keys(KEYS) as BoundId[]) {
    if (!keysOf(id, keySet.chosen).includes(key) || !actions.get(id)) continue;
    if (isReachable(id, key, element)) return id;
  }
  return null;
}

function isReachable(id: BoundId, key: string, element: Element | null): boolean {
  const binding = KEYS[id];
  if (binding.scope === 'terminal') return element?.closest('.xterm') != null;
  if (FUNCTION_KEY.test(key)) return true;
  // An editor has a use of its own for nearly every chord.
  if (binding.scope === 'console' && element?.closest('.cm-editor')) return false;
  if (!isTypedInto(element)) return true;
  // Option types characters on a Mac, and moves by words.
  return !('typing' in binding) && !(onMac && key.startsWith('Alt+'));
}

/** Do it, or say why not. */
export function perform(id: string): void {
  const action = actions.get(id as BoundId);
  if (!action) return;
  const reason = action.reason?.();
  if (reason) {
    announcements.say(t('actions.not_now', { name: action.label(), reason }));
    return;
  }
  if (!FORGOTTEN.includes(id)) remember(id);
  actions.perform(action.id);
}

function isDialogOpen(): boolean {
  return document.querySelector('dialog:modal') !== null;
}
