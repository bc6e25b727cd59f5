/** What a person gives a flow, as the server takes it. Upstream: the form. Downstream: the run of a flow. */
import type { FlowArg } from '../wire/generated';

/** A field's text as it is first shown. */
export function firstText(arg: FlowArg): string {
  return arg.default === null ? '' : String(arg.default);
}

/** The value that a text means; null is not given. A number that is none stays the text: the server says what is wrong. */
export function valueOf(arg: FlowArg, text: string): string | number | null {
  const plain = text.trim();
  if (!plain) return null;
  if (arg.kind !== 'number') return plain;
  const number = Number(plain.replace(',', '.'));
  return Number.isFinite(number) ? number : plain;
}

/** The arguments that must be given and are not. */
export function missingArgs(args: readonly FlowArg[], texts: Readonly<Record<string, string>>): string[] {
  return args.filter(arg => arg.required && !texts[arg.name]?.trim()).map(arg => arg.name);
}

const FIRST_LINES = ['TRAIN AGENT', 'INDEX KNOWLEDGE'];

/** Whether a text is, or becomes, a command: its first line is one of the two. */
export function isCommandText(text: string): boolean {
  const first = text.trimStart().split('\n', 1)[0]!.trim().replace(/\s+/g, ' ');
  return FIRST_LINES.some(line => first === line || first.startsWith(`${line} `));
}
