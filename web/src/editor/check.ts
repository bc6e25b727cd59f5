/** What is wrong with a configuration file, in words and places: YAML first, then the rules of its engine. Upstream: a text, a JSON Schema. Downstream: the editor. */
import { Validator, type OutputUnit, type Schema } from '@cfworker/json-schema';
import { isMap, isScalar, LineCounter, parseDocument, type Document, type Node, type Pair } from 'yaml';
import { t } from '../i18n/index.svelte';
import { closest } from './closest';

/** A JSON Schema as the server makes it of an engine's settings. */
export interface Rules {
  type?: string | string[];
  properties?: Record<string, Rules>;
  enum?: unknown[];
  minimum?: number;
  maximum?: number;
  description?: string;
  default?: unknown;
}

export interface TextProblem {
  /** Offsets into the text. */
  from: number;
  to: number;
  /** From 1. */
  line: number;
  /** The dotted key, where one is to blame. */
  key: string | null;
  message: string;
}

type Found = Omit<TextProblem, 'line'>;

/** Every problem of the text, first line first; without rules only the YAML is looked at. */
export function problemsOf(text: string, rules: Rules | null): TextProblem[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { version: '1.2', lineCounter: lines, prettyErrors: false });
  const found: Found[] = document.errors.map(error => ({
    from: error.pos[0],
    to: error.pos[1],
    key: null,
    message: t('editor.no_yaml', { reason: error.message }),
  }));
  if (!found.length) found.push(...againstRules(document, text, rules));
  return found.map(one => clamped(one, text.length, lines)).sort((a, b) => a.from - b.from);
}

/** A problem of which only the line is known. */
export function atLine(text: string, line: number, message: string, key: string | null = null): TextProblem {
  const lines = text.split('\n');
  const known = Math.min(Math.max(line, 1), lines.length);
  const from = lines.slice(0, known - 1).reduce((sum, one) => sum + one.length + 1, 0);
  return { from, to: from + lines[known - 1]!.length, line: known, key, message };
}

function clamped(found: Found, length: number, lines: LineCounter): TextProblem {
  const from = Math.max(0, Math.min(found.from, length));
  return { ...found, from, to: Math.min(Math.max(found.to, from), length), line: lines.linePos(from).line };
}

function againstRules(document: Document, text: string, rules: Rules | null): Found[] {
  if (document.contents === null) return [];
  if (!isMap(document.contents))
    return [{ from: 0, to: text.length, key: null, message: t('editor.no_keys') }];
  if (!rules) return [];
  const checked = new Validator(rules as Schema, '2020-12', false).validate(document.toJS());
  return checked.errors.filter(isLeaf).map(error => {
    const path = pathOf(error.instanceLocation);
    return {
      ...placeOf(document, path, error.keyword === 'false'),
      key: path.join('.'),
      message: inWords(error, path, rules),
    };
  });
}

/** The validator also tells of each section around a mistake. */
function isLeaf(error: OutputUnit): boolean {
  return ['type', 'enum', 'minimum', 'maximum', 'false'].includes(error.keyword);
}

function pathOf(location: string): string[] {
  return location
    .split('/')
    .slice(1)
    .map(part => decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** The rule at a path; undefined where there is none. */
export function ruleAt(rules: Rules, path: readonly string[]): Rules | undefined {
  return path.reduce<Rules | undefined>((rule, key) => rule?.properties?.[key], rules);
}

function inWords(error: OutputUnit, path: string[], rules: Rules): string {
  const key = path.join('.');
  const rule = ruleAt(rules, path);
  switch (error.keyword) {
    case 'false': {
      const known = Object.keys(ruleAt(rules, path.slice(0, -1))?.properties ?? {});
      const near = closest(path.at(-1) ?? '', known);
      return near ? t('editor.unknown_near', { key, near }) : t('editor.unknown', { key });
    }
    case 'enum':
      return t('editor.choose', { key, choices: (rule?.enum ?? []).map(shown).join(', ') });
    case 'minimum':
      return t('editor.at_least', { key, min: rule?.minimum ?? '' });
    case 'maximum':
      return t('editor.at_most', { key, max: rule?.maximum ?? '' });
    default:
      return t('editor.must_be', { key, kind: kindOf(rule) });
  }
}

const shown = (value: unknown): string => (value === null ? 'null' : String(value));

/** What a value must be, in words: `a whole number, or null`. */
export function kindOf(rule: Rules | undefined): string {
  const types = [rule?.type ?? 'object'].flat();
  const words = types
    .filter(type => type !== 'null')
    .map(type => {
      switch (type) {
        case 'integer':
          return t('editor.kind_integer');
        case 'number':
          return t('editor.kind_number');
        case 'boolean':
          return t('editor.kind_boolean');
        case 'string':
          return t('editor.kind_string');
        default:
          return t('editor.kind_section');
      }
    });
  return types.includes('null') ? t('editor.or_null', { kind: words.join(', ') }) : words.join(', ');
}

/** Where the value of a path stands, or its key. */
function placeOf(document: Document, path: string[], ofKey: boolean): { from: number; to: number } {
  const parent = document.getIn(path.slice(0, -1), true);
  const pair = isMap(parent)
    ? (parent.items as Pair[]).find(one => isScalar(one.key) && String(one.key.value) === path.at(-1))
    : undefined;
  const value = pair?.value as Node | null | undefined;
  const node = !ofKey && isScalar(value) && value.range ? value : (pair?.key as Node | undefined);
  const range = node?.range ?? document.contents?.range;
  return range ? { from: range[0], to: range[1] } : { from: 0, to: 0 };
}
