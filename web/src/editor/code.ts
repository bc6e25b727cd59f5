/** A YAML editor: CodeMirror with our theme, checks while somebody types, completion, a comparison. Upstream: a text. Downstream: CodeEditor. */
import {
  autocompletion,
  closeCompletion,
  completionStatus,
  type CompletionContext,
  type CompletionResult,
} from '@codemirror/autocomplete';
import { historyField } from '@codemirror/commands';
import { yaml } from '@codemirror/lang-yaml';
import { forceLinting, linter, lintGutter, type Diagnostic } from '@codemirror/lint';
import { MergeView, unifiedMergeView } from '@codemirror/merge';
import { openSearchPanel, search } from '@codemirror/search';
import {
  Compartment,
  EditorSelection,
  EditorState,
  Prec,
  type EditorStateConfig,
  type Extension,
} from '@codemirror/state';
import { EditorView, keymap } from '@codemirror/view';
import { basicSetup } from 'codemirror';
import { t } from '../i18n/index.svelte';
import { problemsOf, type Rules, type TextProblem } from './check';
import { offersAt } from './complete';
import { theme } from './theme';

const SETTLED_MS = 200;
/** From here on a comparison has room for two columns. */
const WIDE = '(min-width: 1100px)';
const COLLAPSED = { margin: 3, minSize: 6 };

export interface Wishes {
  parent: HTMLElement;
  text: string;
  /** The accessible name. */
  label: string;
  readOnly?: boolean;
  rules?: Rules | null;
  onchange?: (text: string) => void;
  onproblems?: (problems: TextProblem[]) => void;
  /** Ctrl+S. */
  onsave?: () => void;
}

export class Code {
  #view: EditorView;
  /** Both texts side by side; null shows one column. */
  #merge: MergeView | null = null;
  #original: string | null = null;
  readonly #wide = matchMedia(WIDE);
  readonly #closed = new AbortController();
  readonly #comparison = new Compartment();
  readonly #checks = new Compartment();
  /** What the server found; gone with the next keystroke. */
  #refused: readonly TextProblem[] = [];
  #rules: Rules | null;

  constructor(private readonly wishes: Wishes) {
    this.#rules = wishes.rules ?? null;
    const state = EditorState.create({ doc: wishes.text, extensions: this.#extensions() });
    this.#view = new EditorView({ parent: wishes.parent, state });
    this.#wide.addEventListener('change', () => this.#arrange(), { signal: this.#closed.signal });
  }

  #extensions(): Extension {
    const { label, readOnly = false, onsave, onchange } = this.wishes;
    return [
      Prec.high(keymap.of([{ key: 'Mod-s', run: () => (onsave?.(), true), stopPropagation: true }])),
      Prec.highest(keymap.of([{ key: 'Escape', run: unlessShown }])),
      plain(label),
      search({ top: true }),
      EditorState.readOnly.of(readOnly),
      this.#comparison.of([]),
      readOnly ? [] : [this.#checks.of(this.#checking()), lintGutter(), this.#completion()],
      EditorView.updateListener.of(update => {
        if (!update.docChanged) return;
        this.#refused = [];
        onchange?.(update.state.doc.toString());
      }),
    ];
  }

  get text(): string {
    return this.#view.state.doc.toString();
  }

  /** Put another text in place of it; the change can be undone. */
  replace(text: string): void {
    if (text === this.text) return;
    this.#view.dispatch({ changes: { from: 0, to: this.#view.state.doc.length, insert: text } });
  }

  setRules(rules: Rules | null): void {
    this.#rules = rules;
    this.#checkAgain();
  }

  /** Mark what the server found while somebody types, and leave the cursor where it is. */
  mark(problems: readonly TextProblem[]): void {
    this.#refused = problems;
    this.#checkAgain();
  }

  /** Mark what the server refused. */
  refuse(problems: readonly TextProblem[]): void {
    this.#refused = problems;
    this.#checkAgain();
    if (problems[0]) this.goTo(problems[0].line);
  }

  /** Show the text against another one: beside it where there is room, else in one column; null is the plain text. */
  compare(original: string | null): void {
    if (original === this.#original) return;
    this.#original = original;
    this.#arrange();
  }

  #arrange(): void {
    const original = this.#original;
    const beside = original !== null && this.#wide.matches;
    if (beside || this.#merge) this.#rebuild(beside ? original : null);
    const unified = original !== null && !beside;
    const shown = unified
      ? unifiedMergeView({ original, mergeControls: false, collapseUnchanged: COLLAPSED })
      : [];
    this.#view.dispatch({ effects: this.#comparison.reconfigure(shown) });
  }

  /** Another view of the same text, beside `original` or alone: what was typed can still be undone. */
  #rebuild(original: string | null): void {
    const { state, hasFocus } = this.#view;
    const past = state.field(historyField, false) as unknown;
    const kept: EditorStateConfig = {
      doc: state.doc,
      selection: state.selection,
      extensions: [this.#extensions(), past === undefined ? [] : historyField.init(() => past)],
    };
    (this.#merge ?? this.#view).destroy();
    const { parent } = this.wishes;
    if (original === null) {
      this.#merge = null;
      this.#view = new EditorView({ parent, state: EditorState.create(kept) });
    } else {
      const launched = [plain(t('editor.original')), EditorState.readOnly.of(true)];
      const a = { doc: original, extensions: launched };
      this.#merge = new MergeView({ parent, a, b: kept, collapseUnchanged: COLLAPSED });
      this.#view = this.#merge.b;
    }
    if (hasFocus) this.#view.focus();
  }

  goTo(line: number): void {
    const document = this.#view.state.doc;
    const place = document.line(Math.max(1, Math.min(line, document.lines)));
    this.#view.dispatch({
      selection: EditorSelection.cursor(place.from),
      effects: EditorView.scrollIntoView(place.from, { y: 'center' }),
    });
    this.#view.focus();
  }

  find(): void {
    openSearchPanel(this.#view);
  }

  focus(): void {
    this.#view.focus();
  }

  destroy(): void {
    this.#closed.abort();
    (this.#merge ?? this.#view).destroy();
  }

  #checkAgain(): void {
    if (this.wishes.readOnly) return;
    this.#view.dispatch({ effects: this.#checks.reconfigure(this.#checking()) });
    forceLinting(this.#view);
  }

  #checking(): Extension {
    return linter(
      view => {
        const problems = [...problemsOf(view.state.doc.toString(), this.#rules), ...this.#refused];
        this.wishes.onproblems?.(problems);
        return problems.map(({ from, to, message }): Diagnostic => ({
          from,
          to: Math.max(from, to),
          message,
          severity: 'error',
        }));
      },
      { delay: SETTLED_MS },
    );
  }

  #completion(): Extension {
    const source = (context: CompletionContext): CompletionResult | null => {
      const found = this.#rules && offersAt(context.state.doc.toString(), context.pos, this.#rules);
      if (!found || (!context.explicit && found.from === context.pos)) return null;
      return { from: found.from, options: found.offers, validFor: /^[\w.-]*$/ };
    };
    return autocompletion({ override: [source], icons: false });
  }
}

/** Offers that are only being looked for take no Escape away: it goes on to whatever the editor stands in. */
function unlessShown(view: EditorView): boolean {
  if (completionStatus(view.state) === 'pending') closeCompletion(view);
  return false;
}

/** What every column has. */
function plain(label: string): Extension {
  return [
    basicSetup,
    yaml(),
    theme,
    EditorState.phrases.of(phrases()),
    EditorView.contentAttributes.of({ 'aria-label': label }),
  ];
}

/** CodeMirror's own words in the reader's language. */
function phrases(): Record<string, string> {
  return {
    Find: t('editor.find'),
    Replace: t('editor.replace_with'),
    next: t('editor.next'),
    previous: t('editor.previous'),
    all: t('editor.all'),
    'match case': t('editor.match_case'),
    regexp: t('editor.regexp'),
    'by word': t('editor.by_word'),
    replace: t('editor.replace'),
    'replace all': t('editor.replace_all'),
    close: t('editor.close_search'),
    Completions: t('editor.completions'),
    'Fold line': t('editor.fold'),
    'Unfold line': t('editor.unfold'),
    '$ unchanged lines': t('editor.unchanged_lines'),
  };
}
