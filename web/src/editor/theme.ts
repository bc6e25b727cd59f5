/** The editor in the page's own colours: tokens of app.css, so that every theme and contrast fits by itself. Upstream: app.css. Downstream: the code editor. */
import { HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { EditorView } from '@codemirror/view';
import { tags } from '@lezer/highlight';

const look = EditorView.theme({
  '&': { height: '100%', color: 'var(--text)', backgroundColor: 'var(--sunken)', fontSize: '12.5px' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '20px', fontVariantLigatures: 'none' },
  '.cm-content': { padding: '8px 0', caretColor: 'var(--accent)' },
  '.cm-cursor': { borderLeftColor: 'var(--accent)', borderLeftWidth: '2px' },
  '.cm-gutters': { color: 'var(--faint)', backgroundColor: 'var(--sunken)', border: '0' },
  '.cm-lineNumbers .cm-gutterElement': { minWidth: '36px' },
  '.cm-activeLine, .cm-activeLineGutter': {
    backgroundColor: 'color-mix(in srgb, var(--text) 5%, transparent)',
  },
  '.cm-activeLineGutter': { color: 'var(--soft)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': {
    background: 'color-mix(in srgb, var(--accent) 30%, transparent)',
  },
  '.cm-selectionMatch, .cm-searchMatch': { backgroundColor: 'var(--accent-wash)' },
  '.cm-searchMatch': { outline: '1px solid var(--accent)' },
  '.cm-searchMatch-selected': { backgroundColor: 'color-mix(in srgb, var(--accent) 40%, transparent)' },
  '.cm-matchingBracket': { backgroundColor: 'var(--accent-wash)', outline: '1px solid var(--line-strong)' },
  '.cm-foldPlaceholder': {
    color: 'var(--soft)',
    backgroundColor: 'var(--raised)',
    border: '0',
    padding: '0 6px',
  },
  '.cm-panels': { color: 'var(--text)', backgroundColor: 'var(--raised)' },
  '.cm-panels-top': { borderBottom: '1px solid var(--line)' },
  '.cm-search': {
    display: 'flex',
    flexWrap: 'wrap',
    alignItems: 'center',
    gap: '4px',
    padding: '8px 32px 8px 8px',
  },
  '.cm-search br': { display: 'none' },
  '.cm-search label': { display: 'inline-flex', alignItems: 'center', gap: '4px', margin: '0 6px 0 0' },
  '.cm-textfield, .cm-button': {
    margin: '0',
    padding: '3px 8px',
    border: '1px solid var(--line-strong)',
    borderRadius: '6px',
    fontSize: '12px',
    color: 'var(--text)',
    background: 'var(--panel)',
    backgroundImage: 'none',
  },
  '.cm-search [name=close]': {
    top: '6px',
    right: '8px',
    padding: '4px 8px',
    color: 'var(--soft)',
    fontSize: '16px',
  },
  '.cm-tooltip': {
    color: 'var(--text)',
    backgroundColor: 'var(--panel)',
    border: '1px solid var(--line-strong)',
    borderRadius: '8px',
    boxShadow: 'var(--shadow)',
    overflow: 'hidden',
    zIndex: '10',
  },
  '.cm-tooltip.cm-tooltip-autocomplete > ul': { fontFamily: 'var(--mono)', maxHeight: '220px' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li': { padding: '3px 8px' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]': {
    color: 'var(--on-accent)',
    backgroundColor: 'var(--accent-strong)',
  },
  '.cm-completionDetail': { marginLeft: '12px', opacity: '0.75', fontStyle: 'normal' },
  '.cm-completionInfo': { maxWidth: '280px', padding: '8px 10px', fontFamily: 'var(--sans)' },
  '.cm-diagnostic': { padding: '6px 10px', fontFamily: 'var(--sans)' },
  '.cm-diagnostic-error': { borderLeft: '3px solid var(--bad)' },
  '.cm-lint-marker': { width: '12px', height: '12px' },
  '.cm-lintRange-error': {
    backgroundImage: 'none',
    textDecoration: 'underline wavy var(--bad)',
    textUnderlineOffset: '3px',
  },
  '.cm-changedLine, .cm-insertedLine': { backgroundColor: 'var(--good-wash) !important' },
  '.cm-changedText, ins.cm-insertedLine': {
    background: 'color-mix(in srgb, var(--good) 26%, transparent) !important',
    textDecoration: 'none',
  },
  // On these grounds a comment's own grey is too faint.
  '.cm-changedText *, .cm-deletedText *': { color: 'var(--text)' },
  '.cm-deletedChunk': { paddingLeft: '6px', backgroundColor: 'var(--bad-wash) !important' },
  '.cm-deletedChunk .cm-deletedText': {
    background: 'color-mix(in srgb, var(--bad) 26%, transparent) !important',
    textDecoration: 'none',
  },
  '.cm-deletedLine, .cm-deletedLine del': { textDecoration: 'none' },
  'ins.cm-insertedLine': { background: 'none !important', textDecoration: 'none' },
  '.cm-collapsedLines::before, .cm-collapsedLines::after': { content: '"" !important' },
  '.cm-changeGutter': { width: '3px', paddingLeft: '0' },
  '.cm-changedLineGutter': { background: 'var(--good)' },
  '.cm-deletedLineGutter': { background: 'var(--bad)' },
  '.cm-collapsedLines': {
    color: 'var(--soft)',
    background: 'var(--raised)',
    backgroundImage: 'none',
    padding: '2px 12px',
  },
});

/** Keys are what one looks for; values carry the accent, comments step back. */
const words = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: 'var(--text)', fontWeight: '500' },
  { tag: [tags.number, tags.bool, tags.null, tags.keyword, tags.atom], color: 'var(--accent)' },
  { tag: [tags.string, tags.content], color: 'var(--accent)' },
  { tag: [tags.comment, tags.lineComment], color: 'var(--faint)', fontStyle: 'italic' },
  {
    tag: [tags.punctuation, tags.separator, tags.meta, tags.squareBracket, tags.brace],
    color: 'var(--faint)',
  },
  { tag: tags.invalid, color: 'var(--bad)' },
]);

export const theme = [look, syntaxHighlighting(words)];
