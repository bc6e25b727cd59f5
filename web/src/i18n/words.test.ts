/** Every visible word comes from the catalogues: no component holds one of its own. Upstream: the components as Svelte reads them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, type AST } from 'svelte/compiler';
import { describe, expect, it } from 'vitest';

const SOURCES = join(import.meta.dirname, '..');
/** Attributes and properties that are read by people. */
const SPOKEN = new Set([
  'alt',
  'aria-description',
  'aria-label',
  'aria-placeholder',
  'aria-roledescription',
  'aria-valuetext',
  'hint',
  'label',
  'legend',
  'note',
  'placeholder',
  'reason',
  'shown',
  'text',
  'tip',
  'title',
]);
/** The same in every language: the product, file names, units of a scale, names on keys. */
const NO_WORDS = /^(Gladius|console\.log|GPU|CPU|RAM|CSV|JSON|JSONL|E|PNG|SVG|°C|MB|GB)$/;

/** What stands in these is typed into a terminal or pressed. */
const MACHINE = new Set(['code', 'kbd', 'pre']);

interface Node {
  type: string;
  [key: string]: unknown;
}

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && typeof (value as Node).type === 'string';

const children = (node: Node): Node[] => Object.values(node).flat().filter(isNode);

/** What of a text somebody would have to translate. */
function wordsOf(text: string): string[] {
  return text.split(/[\s·,:/()×]+/).filter(word => /\p{L}/u.test(word) && !NO_WORDS.test(word));
}

/** The literal texts that an expression may turn into, what is given to functions left out. */
function shown(node: Node): string[] {
  switch (node.type) {
    case 'Literal':
      return typeof node.value === 'string' ? [node.value] : [];
    case 'TemplateLiteral':
      return [
        ...(node.quasis as { value: { cooked: string } }[]).map(part => part.value.cooked),
        ...(node.expressions as Node[]).flatMap(shown),
      ];
    case 'ConditionalExpression':
      return [...shown(node.consequent as Node), ...shown(node.alternate as Node)];
    case 'LogicalExpression':
    case 'BinaryExpression':
      return ['&&', '||', '??', '+'].includes(node.operator as string)
        ? [...(node.operator === '&&' ? [] : shown(node.left as Node)), ...shown(node.right as Node)]
        : [];
    case 'ArrayExpression':
      return (node.elements as Node[]).filter(isNode).flatMap(shown);
    case 'CallExpression': {
      // ['a', b].filter(Boolean).join(' · ') shows its elements.
      const callee = node.callee as Node;
      return callee.type === 'MemberExpression' ? shown(callee.object as Node) : [];
    }
    default:
      return [];
  }
}

function attribute(node: Node): string[] {
  if (!SPOKEN.has(node.name as string)) return [];
  const values = [node.value].flat().filter(isNode);
  return values.flatMap(value =>
    value.type === 'Text' ? [value.data as string] : shown(value.expression as Node),
  );
}

function literals(node: Node): string[] {
  if (node.type === 'Text') return [node.data as string];
  if (node.type === 'RegularElement' && MACHINE.has(node.name as string)) return [];
  if (node.type.endsWith('Directive')) return inside(node);
  if (node.type === 'Attribute') return [...attribute(node), ...inside(node)];
  if (node.type === 'ExpressionTag') return [...shown(node.expression as Node), ...inside(node)];
  return children(node).flatMap(literals);
}

/** Markup within an attribute or an expression; its plain texts are classes and keys. */
function inside(node: Node): string[] {
  return children(node).flatMap(child => (child.type === 'Fragment' ? literals(child) : inside(child)));
}

/** In a script a sentence gives itself away: a capital, and words after it. */
function sentences(node: Node): string[] {
  const here = shown({ ...node }).filter(text => /^[A-ZА-Я][\p{L}’']+ \p{Ll}/u.test(text));
  return [...here, ...children(node).flatMap(sentences)];
}

/** The words that a component brings itself. */
export function ownWords(source: string): string[] {
  const root = parse(source, { modern: true }) as AST.Root;
  const script = [root.instance?.content, root.module?.content].filter(isNode) as unknown as Node[];
  return [...literals(root.fragment as unknown as Node).flatMap(wordsOf), ...script.flatMap(sentences)];
}

const components = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' }).filter(name =>
  name.endsWith('.svelte'),
);

describe('a visible word', () => {
  it.each(components)('is no part of %s', name => {
    expect(ownWords(readFileSync(join(SOURCES, name), 'utf8'))).toEqual([]);
  });

  it.each([
    ['a text', '<p>Saved</p>', ['Saved']],
    ['a Russian text', '<p>Готово</p>', ['Готово']],
    ['text beside a message', "<b>{t('a')} ago</b>", ['ago']],
    ['a name', '<button aria-label="Close"></button>', ['Close']],
    ['a property', '<Panel title="Samples" />', ['Samples']],
    ['a choice', "<p>{on ? 'On' : t('off')}</p>", ['On']],
    ['a fallback', "<Tool label={name ?? 'Unknown'} />", ['Unknown']],
    ['a template', '<p title={`${n} runs`}></p>', ['runs']],
    ['a joined list', "<p>{['no runs', b].filter(Boolean).join(' ')}</p>", ['no', 'runs']],
    ['a branch', '{#if a}{#each b as c}<i>dead</i>{/each}{/if}', ['dead']],
    ['a snippet', '<Panel>{#snippet tools()}<span>More</span>{/snippet}</Panel>', ['More']],
    ['a sentence of the script', "<script>let a = 'Nothing was found';</script>", ['Nothing was found']],
  ])('is found as %s', (_, source, words) => {
    expect(ownWords(source)).toEqual(words);
  });

  it.each([
    ['a message', '<p class="big soft">{t(\'app.name\')}</p>'],
    ['what is given to a function', "<p>{format(value, 'short')}</p>"],
    ['a state of markup', "<p class={on ? 'on' : 'off'} role=\"status\">—</p>"],
    ['a unit that is the same everywhere', '<b>{n} GB</b>'],
  ])('is not seen in %s', (_, source) => {
    expect(ownWords(source)).toEqual([]);
  });
});
