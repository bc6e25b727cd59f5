/** How runs in one chart are told apart: eight colours, then the same with dashes. Upstream: a run's place. Downstream: charts, legends. */

/**
 * For each theme: at least 3:1 against the panel, and apart from each other also for eyes that lack a kind of cone
 * (`strokes.test.ts`). None is the red that means broken.
 */
export const RUN_COLOURS = {
  dark: ['#7aa2ff', '#f7c56d', '#07edd9', '#f27ca4', '#8aa21e', '#8557b7', '#b44f00', '#0a796f'],
  light: ['#2a5bd7', '#dd6d45', '#4a690c', '#a2396f', '#389a97', '#a678dc', '#632914', '#472181'],
} as const;

const DASHES: readonly (readonly number[] | null)[] = [null, [8, 4], [2, 3]];

export interface Stroke {
  colour: string;
  /** The second sign, from the ninth run on. */
  dash: readonly number[] | null;
}

export function runStroke(slot: number, theme: 'dark' | 'light'): Stroke {
  const colours = RUN_COLOURS[theme];
  return {
    colour: colours[slot % colours.length]!,
    dash: DASHES[Math.floor(slot / colours.length) % DASHES.length]!,
  };
}
