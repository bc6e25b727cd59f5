/** Every action of the console with its keys, in two sets: the classic one, and one that lives on Alt. Upstream: nothing. Downstream: registry, tooltips, help. */

export type KeySet = 'classic' | 'alt';
export type Scope =
  /** Anywhere on the page of a run. */
  | 'console'
  /** On every page. */
  | 'page'
  /** While the log has the focus. */
  | 'terminal';
export type ActionGroup = 'training' | 'terminal' | 'charts' | 'navigation' | 'export';

interface Binding {
  group: ActionGroup;
  scope: Scope;
  classic: readonly string[];
  alt: readonly string[];
  /** Never while something is typed: a single character, or a key that an input has a use for. */
  typing?: false;
}

/** Keys as `KeyboardEvent.key` names them, modifiers in front in the order Ctrl, Alt, Shift; letters in capitals. */
export const KEYS = {
  toggle_pause: { group: 'training', scope: 'console', classic: ['F2'], alt: ['Alt+P'] },
  stop: { group: 'training', scope: 'console', classic: ['F3'], alt: ['Alt+X'] },
  checkpoint: { group: 'training', scope: 'console', classic: ['F5', 'Ctrl+S'], alt: ['Alt+S'] },
  validate: { group: 'training', scope: 'console', classic: ['F8'], alt: ['Alt+V'] },
  tensorboard: { group: 'training', scope: 'console', classic: ['F9'], alt: ['Alt+T'] },
  reload_config: { group: 'training', scope: 'console', classic: ['Ctrl+Shift+R'], alt: ['Alt+R'] },
  adjust: { group: 'training', scope: 'console', classic: ['Ctrl+Shift+H'], alt: ['Alt+H'] },

  find: { group: 'terminal', scope: 'console', classic: ['Ctrl+F'], alt: ['Alt+F'] },
  clear_log: { group: 'terminal', scope: 'console', classic: ['Ctrl+L'], alt: ['Alt+L'] },
  copy_log: { group: 'terminal', scope: 'terminal', classic: ['Ctrl+C'], alt: ['Ctrl+C'] },
  select_log: { group: 'terminal', scope: 'terminal', classic: ['Ctrl+A'], alt: ['Ctrl+A'] },
  log_page_up: { group: 'terminal', scope: 'terminal', classic: ['PageUp'], alt: ['PageUp'] },
  log_page_down: { group: 'terminal', scope: 'terminal', classic: ['PageDown'], alt: ['PageDown'] },
  log_top: { group: 'terminal', scope: 'terminal', classic: ['Home'], alt: ['Home'] },
  log_bottom: { group: 'terminal', scope: 'terminal', classic: ['End'], alt: ['End'] },
  log_up: { group: 'terminal', scope: 'terminal', classic: ['Ctrl+ArrowUp'], alt: ['Ctrl+ArrowUp'] },
  log_down: { group: 'terminal', scope: 'terminal', classic: ['Ctrl+ArrowDown'], alt: ['Ctrl+ArrowDown'] },

  export_chart: { group: 'charts', scope: 'console', classic: ['Ctrl+E'], alt: ['Alt+E'] },
  zoom_in: { group: 'charts', scope: 'console', classic: ['Ctrl+Z'], alt: ['Alt+Z'], typing: false },
  zoom_out: {
    group: 'charts',
    scope: 'console',
    classic: ['Ctrl+Shift+Z'],
    alt: ['Alt+Shift+Z'],
    typing: false,
  },
  zoom_reset: { group: 'charts', scope: 'console', classic: ['Ctrl+0'], alt: ['Alt+0'] },
  focus_loss: { group: 'charts', scope: 'console', classic: ['1'], alt: ['Alt+1'], typing: false },
  focus_experts: { group: 'charts', scope: 'console', classic: ['2'], alt: ['Alt+2'], typing: false },
  focus_throughput: { group: 'charts', scope: 'console', classic: ['3'], alt: ['Alt+3'], typing: false },
  focus_memory: { group: 'charts', scope: 'console', classic: ['4'], alt: ['Alt+4'], typing: false },

  palette: { group: 'navigation', scope: 'page', classic: ['Ctrl+K'], alt: ['Alt+K', 'Ctrl+K'] },
  back: { group: 'navigation', scope: 'console', classic: ['Alt+ArrowLeft'], alt: ['Alt+ArrowLeft'] },
  help: { group: 'navigation', scope: 'page', classic: ['?'], alt: ['?'], typing: false },

  export_metrics: { group: 'export', scope: 'console', classic: ['Ctrl+Shift+E'], alt: ['Alt+Shift+E'] },
  export_log: { group: 'export', scope: 'console', classic: ['Ctrl+Shift+L'], alt: ['Alt+Shift+L'] },
  screenshot: { group: 'export', scope: 'console', classic: ['Ctrl+Shift+S'], alt: ['Alt+Shift+S'] },
} as const satisfies Record<string, Binding>;

export type BoundId = keyof typeof KEYS;
