import { describe, expect, it } from 'vitest';
import { RUN_COLOURS, runStroke } from './strokes';

type Rgb = [number, number, number];

const PANELS = { dark: '#12161d', light: '#ffffff' } as const;
/** What is left of a colour without one kind of cone, in linear light (Machado, Oliveira and Fernandes 2009). */
const EYES: Record<string, number[][]> = {
  normal: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

function linear(hex: string): Rgb {
  const part = (at: number) => {
    const value = parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return [part(1), part(3), part(5)];
}

const times = (matrix: number[][], [a, b, c]: Rgb): Rgb =>
  matrix.map(row => Math.min(1, Math.max(0, row[0]! * a + row[1]! * b + row[2]! * c))) as Rgb;

const light = ([r, g, b]: Rgb) => 0.2126 * r + 0.7152 * g + 0.0722 * b;

function contrast(one: string, other: string): number {
  const [high, low] = [light(linear(one)), light(linear(other))].sort((a, b) => b - a);
  return (high! + 0.05) / (low! + 0.05);
}

/** Oklab: distances in it are about those that eyes see. */
function oklab([r, g, b]: Rgb): Rgb {
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

describe.each(['dark', 'light'] as const)('the colours of runs in the %s theme', theme => {
  const colours = RUN_COLOURS[theme];

  it('stand out from the panel', () => {
    for (const colour of colours) expect(contrast(colour, PANELS[theme])).toBeGreaterThan(3);
  });

  it.each(Object.entries(EYES))('are apart for eyes with %s', (_, matrix) => {
    const seen = colours.map(colour => oklab(times(matrix, linear(colour))));
    for (let i = 0; i < seen.length; i++)
      for (let k = 0; k < i; k++)
        expect(
          Math.hypot(...seen[i]!.map((value, at) => value - seen[k]![at]!)),
          `${colours[i]} ${colours[k]}`,
        ).toBeGreaterThan(0.075);
  });
});

it('twenty runs are twenty strokes', () => {
  const strokes = Array.from({ length: 20 }, (_, slot) => JSON.stringify(runStroke(slot, 'dark')));
  expect(new Set(strokes).size).toBe(20);
  expect(runStroke(7, 'dark').dash).toBeNull();
  expect(runStroke(8, 'dark')).toEqual({ colour: RUN_COLOURS.dark[0], dash: [8, 4] });
});
