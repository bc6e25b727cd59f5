/** A YAML editor: CodeMirror with our theme, checks while somebody types, completion, a comparison. Upstream: a text. Downstream: CodeEditor. */
import { autocompletion, type CompletionContext, type CompletionResult } from '@codemirror/autocomplete';
import { yaml } from '@codemirror/lang-yaml';
import { forceLinting, linter, lintGutter, type Diagnostic } from '@codemirror/lint';
import { unifiedMergeView } from '@codemirror/merge';
import { openSearchPanel, search } from '@codemirror/search';
import { Compartment, EditorSelection, EditorState, Prec, type Extension } from '@codemirror/state';
import { EditorView, keymap } from '@codemirror/view';
import { basicSetup } from 'codemirror';
import { t } from '../i18n/index.svelte';
import { problemsOf, type Rules, type TextProblem } from './check';
import { offersAt } from './complete';
import { theme } from './theme';

const SETTLED_MS = 200;

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
  readonly #view: EditorView;
  readonly #comparison = new Compartment();
  readonly #checks = new Compartment();
  /** What the server found; gone with the next keystroke. */
  #refused: readonly TextProblem[] = [];
  #rules: Rules | null;

  constructor(private readonly wishes: Wishes) {
    this.#rules = wishes.rules ?? null;
    const { parent, text, label, readOnly = false } = wishes;
    this.#view = new EditorView({
      parent,
      state: EditorState.create({
        doc: text,
        extensions: [
          Prec.high(
            keymap.of([{ key: 'Mod-s', run: () => (wishes.onsave?.(), true), stopPropagation: true }]),
          ),
          basicSetup,
          yaml(),
          theme,
          search({ top: true }),
          EditorState.phrases.of(phrases()),
          EditorView.contentAttributes.of({ 'aria-label': label }),
          EditorState.readOnly.of(readOnly),
          this.#comparison.of([]),
          readOnly ? [] : [this.#checks.of(this.#checking()), lintGutter(), this.#completion()],
          EditorView.updateListener.of(update => {
            if (!update.docChanged) return;
            this.#refused = [];
            wishes.onchange?.(update.state.doc.toString());
          }),
        ],
      }),
    });
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

  /** Mark what the server refused. */
  refuse(problems: readonly TextProblem[]): void {
    this.#refused = problems;
    this.#checkAgain();
    if (problems[0]) this.goTo(problems[0].line);
  }

  /** Show the text against another one; null is the plain text. */
  compare(original: string | null): void {
    const shown: Extension =
      original === null
        ? []
        : unifiedMergeView({ original, mergeControls: false, collapseUnchanged: { margin: 3, minSize: 6 } });
    this.#view.dispatch({ effects: this.#comparison.reconfigure(shown) });
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
    this.#view.destroy();
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
