/** Colours of the theme and shared axes for canvas charts. */
import type uPlot from 'uplot';

export interface Look {
  text: string;
  faint: string;
  grid: string;
  accent: string;
  accentFaint: string;
  /** What a later attempt went back behind. */
  ghost: string;
  evaluation: string;
  good: string;
  warn: string;
  bad: string;
  panel: string;
  font: string;
  face: string;
  /** For several courses in one chart, told apart in both themes; the first is the accent. */
  palette: readonly string[];
}

const PALETTES = {
  dark: ['#7aa2ff', '#f0a35e', '#53c7b8', '#e78fd0', '#c9ae52', '#b79cf7', '#8fbf5f', '#f08d8d'],
  light: ['#2a5bd7', '#b4560b', '#0b766b', '#a83289', '#7a6200', '#6a45c4', '#4a7314', '#b83a3a'],
} as const;

export function readLook(): Look {
  const style = getComputedStyle(document.documentElement);
  const token = (name: string) => style.getPropertyValue(name).trim();
  return {
    text: token('--text'),
    faint: token('--faint'),
    grid: token('--grid'),
    accent: token('--accent'),
    accentFaint: `${token('--accent')}66`,
    ghost: `${token('--faint')}88`,
    evaluation: token('--eval'),
    good: token('--good'),
    warn: token('--warn'),
    bad: token('--bad'),
    panel: token('--panel'),
    palette: PALETTES[document.documentElement.dataset.theme === 'light' ? 'light' : 'dark'],
    face: token('--sans'),
    font: `11px ${token('--sans')}`,
  };
}

/** Decimals that tell ticks apart which are `step` from each other. */
export function tickDigits(step: number): number {
  for (let digits = 0; digits < 8; digits++) {
    const scaled = step * 10 ** digits;
    if (Math.abs(scaled - Math.round(scaled)) < 1e-6 && scaled >= 0.5) return digits;
  }
  return step > 0 ? 8 : 0;
}

export const PADDING: uPlot.Padding = [8, 20, 0, 0];

/** An axis in the theme's quiet colours; `format` writes a tick, given the decimals that it needs. */
export function axis(
  look: Look,
  format: (value: number, digits: number) => string,
  extra: Partial<uPlot.Axis> = {},
): uPlot.Axis {
  return {
    stroke: look.faint,
    font: look.font,
    grid: { stroke: look.grid, width: 1 },
    ticks: { show: false },
    gap: 6,
    values: (_plot, ticks, _axis, _space, step) =>
      ticks.map(value => (value === null ? '' : format(value, tickDigits(step)))),
    ...extra,
  };
}

/** The width that the widest tick of a vertical axis needs, so that numbers never push the plot about for long. */
export function sideSize(_plot: uPlot, values: string[] | null): number {
  const longest = Math.max(4, ...(values ?? []).map(value => value.length));
  return 14 + longest * 6.4;
}
