/** The terminal's colours, from the page's own tokens. Upstream: app.css. Downstream: options, terminal. */
import type { ITheme } from '@xterm/xterm';

export function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

export function isLight(): boolean {
  return document.documentElement.dataset.theme === 'light';
}

export function colours(): ITheme {
  const light = isLight();
  return {
    background: token('--sunken'),
    foreground: token('--text'),
    cursor: token('--sunken'),
    scrollbarSliderBackground: token('--line'),
    scrollbarSliderHoverBackground: token('--line-strong'),
    scrollbarSliderActiveBackground: token('--line-strong'),
    overviewRulerBorder: token('--sunken'),
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
