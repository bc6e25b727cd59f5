/** What this browser keeps of a person's choices, over visits. Upstream: its storage. Downstream: stores, actions, panels. */

/** A storage may be full, forbidden, or hold what somebody else wrote: then it is as if nothing was ever chosen. */
type Reading = Pick<Storage, 'getItem'>;
type Writing = Pick<Storage, 'setItem' | 'removeItem'>;

/** The text under `key`; null where there is none. */
export function keptText(key: string, storage?: Reading): string | null {
  try {
    return (storage ?? localStorage).getItem(key);
  } catch {
    return null;
  }
}

/** The value under `key`, to be looked at before it is used; null where there is none. */
export function kept(key: string, storage?: Reading): unknown {
  try {
    return JSON.parse(keptText(key, storage) ?? 'null');
  } catch {
    return null;
  }
}

/** The fields of the object under `key`; none where there is no such thing. */
export function keptFields(key: string, storage?: Reading): Record<string, unknown> {
  const found = kept(key, storage);
  return typeof found === 'object' && found !== null ? (found as Record<string, unknown>) : {};
}

/** The texts of the list under `key`. */
export function keptTexts(key: string): string[] {
  const found = kept(key);
  return Array.isArray(found) ? found.filter(one => typeof one === 'string') : [];
}

/** Keep a text; null forgets it. What cannot be kept holds until the page is left. */
export function keepText(key: string, text: string | null, storage?: Writing): void {
  try {
    if (text === null) (storage ?? localStorage).removeItem(key);
    else (storage ?? localStorage).setItem(key, text);
  } catch {
    // See `Reading`.
  }
}

/** Keep a value; null forgets it. */
export function keep(key: string, value: unknown, storage?: Writing): void {
  keepText(key, value === null ? null : JSON.stringify(value), storage);
}
