/** How an xterm.js is set up to be read and never typed into. Upstream: the page's tokens. Downstream: terminal. */
import type { ITerminalInitOnlyOptions, ITerminalOptions } from '@xterm/xterm';
import { colours } from './colours';

export function forReading(scrollback: number): ITerminalOptions & ITerminalInitOnlyOptions {
  return {
    disableStdin: true,
    scrollback,
    fontFamily: '"JetBrains Mono", ui-monospace, "DejaVu Sans Mono", monospace',
    fontSize: 12,
    lineHeight: 1.35,
    cursorStyle: 'bar',
    cursorInactiveStyle: 'none',
    // Decorations and the widths of characters count as proposed.
    allowProposedApi: true,
    minimumContrastRatio: 4.5,
    reflowCursorLine: true,
    overviewRuler: { width: 12 },
    theme: colours(),
  };
}
