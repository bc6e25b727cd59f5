/** Colours as SGR says them, kept as a state: any piece of a line can be drawn again by itself. Upstream: the log's text. Downstream: lines. */

type Slot =
  'bold' | 'dim' | 'italic' | 'underline' | 'inverse' | 'strike' | 'over' | 'fg' | 'bg' | 'ulcolour';
const ORDER: readonly Slot[] = [
  'bold',
  'dim',
  'italic',
  'underline',
  'inverse',
  'strike',
  'over',
  'fg',
  'bg',
  'ulcolour',
];

/** Blinking and concealed text are left out: nothing in a log flickers, and nothing hides. */
const ON: Record<number, Slot> = {
  1: 'bold',
  2: 'dim',
  3: 'italic',
  4: 'underline',
  7: 'inverse',
  9: 'strike',
  21: 'underline',
  53: 'over',
};
const OFF: Record<number, readonly Slot[]> = {
  22: ['bold', 'dim'],
  23: ['italic'],
  24: ['underline'],
  27: ['inverse'],
  29: ['strike'],
  39: ['fg'],
  49: ['bg'],
  55: ['over'],
  59: ['ulcolour'],
};
const EXTENDED: Record<number, Slot> = { 38: 'fg', 48: 'bg', 58: 'ulcolour' };
const MOST_KEPT = 4096;

export class Style {
  static readonly plain = new Style({});
  static #known = new Map<string, Style>([['', Style.plain]]);
  /** SGR parameters that make this style from a reset one. */
  readonly code: string;
  #after = new Map<string, Style>();

  private constructor(readonly slots: Readonly<Partial<Record<Slot, string>>>) {
    this.code = ORDER.map(slot => slots[slot])
      .filter(Boolean)
      .join(';');
  }

  get hasColour(): boolean {
    return this.slots.fg !== undefined || this.slots.bg !== undefined || this.slots.inverse !== undefined;
  }

  /** The style after the parameters of one SGR sequence. */
  after(parameters: string): Style {
    let next = this.#after.get(parameters);
    if (next) return next;
    next = Style.#of(changed(this.slots, parameters));
    if (this.#after.size > MOST_KEPT) this.#after.clear();
    this.#after.set(parameters, next);
    return next;
  }

  static #of(slots: Partial<Record<Slot, string>>): Style {
    const made = new Style(slots);
    const known = Style.#known.get(made.code);
    if (known) return known;
    if (Style.#known.size > MOST_KEPT) Style.#known = new Map([['', Style.plain]]);
    Style.#known.set(made.code, made);
    return made;
  }
}

function changed(
  before: Readonly<Partial<Record<Slot, string>>>,
  parameters: string,
): Partial<Record<Slot, string>> {
  let slots = { ...before };
  const parts = parameters.split(';');
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i]!;
    const code = parseInt(part || '0', 10);
    if (code === 0) slots = {};
    else if (code in EXTENDED) {
      const taken = part.includes(':') ? part : extended(parts.slice(i, i + 5));
      if (!part.includes(':')) i += taken ? taken.split(';').length - 1 : parts.length;
      if (taken) slots[EXTENDED[code]!] = taken;
    } else if (part === '4:0') slots = without(slots, ['underline']);
    else if (code in ON) slots[ON[code]!] = part;
    else if (code in OFF) slots = without(slots, OFF[code]!);
    else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97)) slots.fg = String(code);
    else if ((code >= 40 && code <= 47) || (code >= 100 && code <= 107)) slots.bg = String(code);
  }
  return slots;
}

function without(
  slots: Partial<Record<Slot, string>>,
  gone: readonly string[],
): Partial<Record<Slot, string>> {
  return Object.fromEntries(Object.entries(slots).filter(([slot]) => !gone.includes(slot)));
}

/** `38;5;n` or `38;2;r;g;b` where it is whole. */
function extended(parts: string[]): string {
  const length = parts[1] === '5' ? 3 : parts[1] === '2' ? 5 : 0;
  return length && parts.length >= length ? parts.slice(0, length).join(';') : '';
}
