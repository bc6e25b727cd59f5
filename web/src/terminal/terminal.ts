/** The xterm.js of the console page; a chunk of its own, loaded when a run is opened. */
import { FitAddon } from '@xterm/addon-fit';
import { Terminal, type ITheme } from '@xterm/xterm';
import '@xterm/xterm/css/xterm.css';
import type { Piece } from './follow';
import { highlight, Sanitizer } from './sanitize';

const SCROLLBACK = 20_000;
/** Trainers are told this width; a narrower screen scrolls sideways, so that progress bars stay on their line. */
const FEWEST_COLUMNS = 120;

export interface LogView {
  write(pieces: Piece[]): void;
  setTheme(): void;
  setAutoScroll(on: boolean): void;
  dispose(): void;
}

export interface LogViewOptions {
  box: HTMLElement;
  label: string;
  /** The person scrolled away from the end (false), or back to it (true). */
  onFollow: (following: boolean) => void;
  describeSkipped: (bytes: number) => string;
}

export async function openLogView({
  box,
  label,
  onFollow,
  describeSkipped,
}: LogViewOptions): Promise<LogView> {
  await document.fonts.load('12px "JetBrains Mono"').catch(() => undefined);
  const terminal = new Terminal({
    convertEol: true,
    disableStdin: true,
    scrollback: SCROLLBACK,
    fontFamily: '"JetBrains Mono", ui-monospace, "DejaVu Sans Mono", monospace',
    fontSize: 12,
    lineHeight: 1.35,
    cursorStyle: 'bar',
    cursorInactiveStyle: 'none',
    allowProposedApi: false,
    minimumContrastRatio: 4.5,
    theme: colours(),
  });
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  terminal.open(box);
  // Nothing may be typed into a log; Tab goes on to the next control.
  terminal.attachCustomKeyEventHandler(event => event.key !== 'Tab');
  terminal.textarea?.setAttribute('aria-label', label);
  terminal.textarea?.setAttribute('readonly', '');

  const sanitizer = new Sanitizer();
  let following = true;
  let disposed = false;

  const follow = () => {
    if (following && !disposed) terminal.scrollToBottom();
  };
  const atEnd = () => terminal.buffer.active.viewportY >= terminal.buffer.active.baseY;
  const judge = () => {
    if (disposed || atEnd() === following) return;
    following = !following;
    onFollow(following);
  };
  // Only a person's own scrolling counts: the buffer moves by itself while lines come in.
  const judgeSoon = () => requestAnimationFrame(judge);
  // Caught on the way in: the terminal keeps these events to itself.
  const byHand = ['wheel', 'touchmove', 'keyup', 'pointerup'] as const;
  for (const name of byHand) box.addEventListener(name, judgeSoon, { passive: true, capture: true });

  const resize = new ResizeObserver(() => {
    if (disposed || !box.clientWidth || !box.clientHeight) return;
    const room = fit.proposeDimensions();
    if (!room?.rows) return;
    terminal.resize(Math.max(FEWEST_COLUMNS, room.cols || 0), room.rows);
    follow();
  });
  resize.observe(box);

  return {
    write(pieces) {
      const text = pieces
        .map(piece =>
          'text' in piece
            ? highlight(sanitizer.push(piece.text))
            : `\x1b[0m\x1b[2m\r\n··· ${describeSkipped(piece.skipped)} ···\x1b[0m\r\n`,
        )
        .join('');
      terminal.write(text, follow);
    },
    setTheme() {
      terminal.options.theme = colours();
    },
    setAutoScroll(on) {
      following = on;
      // The terminal follows by itself while it is at the end: one line away from it, it stays.
      if (on) terminal.scrollToBottom();
      else terminal.scrollLines(-1);
    },
    dispose() {
      disposed = true;
      resize.disconnect();
      for (const name of byHand) box.removeEventListener(name, judgeSoon, { capture: true });
      terminal.dispose();
    },
  };
}

function colours(): ITheme {
  const style = getComputedStyle(document.documentElement);
  const token = (name: string) => style.getPropertyValue(name).trim();
  const light = document.documentElement.dataset.theme === 'light';
  return {
    background: token('--sunken'),
    foreground: token('--text'),
    cursor: token('--sunken'),
    scrollbarSliderBackground: token('--line'),
    scrollbarSliderHoverBackground: token('--line-strong'),
    scrollbarSliderActiveBackground: token('--line-strong'),
    selectionBackground: light ? '#2a5bd740' : '#7aa2ff50',
    black: light ? '#171c25' : '#3a4453',
    red: token('--bad'),
    green: token('--good'),
    yellow: token('--warn'),
    blue: token('--accent'),
    magenta: light ? '#8a3fb0' : '#c58af0',
    cyan: light ? '#0b7285' : '#5cc4d6',
    white: light ? '#4a5565' : '#d4dae4',
    brightBlack: token('--faint'),
    brightRed: token('--bad'),
    brightGreen: token('--good'),
    brightYellow: token('--warn'),
    brightBlue: token('--accent'),
    brightMagenta: light ? '#8a3fb0' : '#d3a2f5',
    brightCyan: light ? '#0b7285' : '#7cd5e4',
    brightWhite: token('--text'),
  };
}
