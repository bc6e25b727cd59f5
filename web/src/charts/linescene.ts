/** Lines with title, legend, axes and markers as a picture. Upstream: drawn. Downstream: PNG and SVG files. */
import { compact, fixed, scientific, spanOf } from '../format';
import { drawnOf, wholeOf, type Drawn, type Line, type Places } from './drawn';
import type { Look } from './look';
import { tickDigits } from './look';
import { marksOf, type Marker } from './markers';
import type { By } from './places';
import { airy, heightOf } from './range';
import type { Scene, Shape } from './scene';
import { logTicks, niceStep, ticksOf, TIME_STEPS } from './ticks';

export const WIDTH = 960;
const HEIGHT = 480;
export const FRAME = { left: 72, top: 72, width: WIDTH - 96, height: HEIGHT - 128 };

/** The marks of an x axis, and what is written at one. */
export interface Foot {
  ticks: (low: number, high: number, most: number) => number[];
  text: (tick: number) => string;
}

export interface LinePicture {
  title: string;
  lines: readonly Line[];
  by: By;
  axis: string;
  shown: { from: number; to: number } | null;
  logarithmic: boolean;
  all: boolean;
  /** See `Part`. */
  places?: Places;
  /** How the x axis is marked, instead of what `by` says. */
  foot?: Foot;
  /** A legend of its own stands elsewhere. */
  bare?: boolean;
  /** The y axis begins at 0. */
  fromZero?: boolean;
  markers: readonly (Marker & { x: number })[];
  /** Words of the trend's entry in the legend. */
  trend: string;
  look: Look;
}

export function lineScene(picture: LinePicture): Scene | null {
  const { look, by, logarithmic, places } = picture;
  const all = wholeOf(picture.lines, by, places);
  if (!all) return null;
  const whole = picture.shown ?? all;
  const drawn = drawnOf(picture.lines, { by, places, shown: picture.shown, pixels: FRAME.width });
  const height = heightOf(drawn, whole, picture.all);
  const [low, high] = picture.fromZero
    ? [0, height.high * 1.1 || 1]
    : airy(height.low, height.high, logarithmic);
  const grow = (value: number) => (logarithmic ? Math.log(value) : value);
  const x = (place: number) =>
    FRAME.left + ((place - whole.from) / (whole.to - whole.from || 1)) * FRAME.width;
  const y = (value: number) =>
    FRAME.top + (1 - (grow(value) - grow(low)) / (grow(high) - grow(low))) * FRAME.height;
  const shapes: Shape[] = [
    { kind: 'text', x: 24, y: 34, text: picture.title, colour: look.text, size: 16, weight: 600 },
    ...sideAxis(look, low, high, logarithmic, y),
    ...footAxis(look, whole, x, picture.axis, picture.foot ?? usualFoot(whole, by, all.from)),
    ...(picture.bare ? [] : legend(picture)),
    ...drawn.map(one => strokeOf(one, x, y, low, high)),
    ...drawn.filter(one => one.line.dots && !one.trend).flatMap(one => dotsOf(one, look, x, y)),
  ];
  for (const marker of picture.markers)
    if (marker.x >= whole.from && marker.x <= whole.to)
      shapes.push(...marksOf(look, marker.kind, x(marker.x), FRAME));
  if (height.above) shapes.push(outside(look, '▲', height.above, FRAME.top - 6));
  if (height.below) shapes.push(outside(look, '▼', height.below, FRAME.top + FRAME.height - 6));
  return { width: WIDTH, height: HEIGHT, ground: look.panel, face: look.face, title: picture.title, shapes };
}

function outside(
  look: Look,
  arrow: string,
  { count, value }: { count: number; value: number },
  y: number,
): Shape {
  return {
    kind: 'text',
    x: FRAME.left + FRAME.width,
    y,
    text: `${arrow} ${count}: ${scientific(value)}`,
    colour: look.warn,
    size: 11,
    anchor: 'end',
  };
}

function sideAxis(
  look: Look,
  low: number,
  high: number,
  logarithmic: boolean,
  y: (value: number) => number,
): Shape[] {
  const { ticks, step } = logarithmic ? { ticks: logTicks(low, high), step: 0 } : ticksOf(low, high, 6);
  return ticks.flatMap((tick): Shape[] => [
    {
      kind: 'stroke',
      pieces: [[FRAME.left, y(tick), FRAME.left + FRAME.width, y(tick)]],
      colour: look.grid,
      width: 1,
    },
    {
      kind: 'text',
      x: FRAME.left - 8,
      y: y(tick) + 4,
      text: logarithmic || step < 1e-4 || step >= 1e5 ? scientific(tick) : fixed(tick, tickDigits(step)),
      colour: look.faint,
      size: 11,
      anchor: 'end',
    },
  ]);
}

function usualFoot(whole: { from: number; to: number }, by: By, origin: number): Foot {
  if (by === 'time')
    return {
      ticks: (low, high, most) => timeTicks(low - origin, high - origin, most).map(one => one + origin),
      text: tick => spanOf(tick - origin),
    };
  const { step } = ticksOf(whole.from, whole.to, 8);
  return {
    ticks: (low, high, most) => ticksOf(low, high, most).ticks,
    text: tick => (tick >= 1e5 ? compact(tick) : fixed(tick, tickDigits(step))),
  };
}

function footAxis(
  look: Look,
  whole: { from: number; to: number },
  x: (place: number) => number,
  name: string,
  foot: Foot,
): Shape[] {
  const base = FRAME.top + FRAME.height;
  const ticks = foot.ticks(whole.from, whole.to, 8);
  return [
    ...ticks.flatMap((tick): Shape[] => [
      {
        kind: 'stroke',
        pieces: [[x(tick), FRAME.top, x(tick), base]],
        colour: look.grid,
        width: 1,
      },
      {
        kind: 'text',
        x: x(tick),
        y: base + 18,
        text: foot.text(tick),
        colour: look.faint,
        size: 11,
        anchor: 'middle',
      },
    ]),
    {
      kind: 'text',
      x: FRAME.left + FRAME.width / 2,
      y: base + 40,
      text: name,
      colour: look.faint,
      size: 11,
      anchor: 'middle',
    },
  ];
}

/** Round times of a span in seconds. */
export function timeTicks(low: number, high: number, most: number): number[] {
  const rough = (high - low) / most;
  const step = TIME_STEPS.find(one => one >= rough) ?? niceStep(high - low, most);
  const ticks: number[] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9; i++) ticks.push(i * step + 0);
  return ticks;
}

function legend({ lines, look, trend }: LinePicture): Shape[] {
  const shapes: Shape[] = [];
  let x = FRAME.left;
  const entry = (text: string, line: Line, faint: boolean, dotted: boolean) => {
    shapes.push(
      {
        kind: 'stroke',
        pieces: [[x, 52, x + 20, 52]],
        colour: line.colour,
        width: dotted ? 2 : 1.5,
        opacity: faint ? 0.4 : 1,
        ...(line.dash && !dotted && { dash: line.dash }),
        ...(dotted && { dash: [1, 4], round: true }),
      },
      { kind: 'text', x: x + 26, y: 56, text, colour: look.text, size: 12 },
    );
    x += 46 + text.length * 6.6;
  };
  for (const line of lines) {
    entry(line.label, line, line.smoothing > 0, false);
    if (line.smoothing) entry(`${line.label}, ${trend}`, line, false, true);
  }
  return shapes;
}

function strokeOf(
  { line, trend, xs, ys }: Drawn,
  x: (place: number) => number,
  y: (value: number) => number,
  low: number,
  high: number,
): Shape {
  const pieces: number[][] = [[]];
  for (let i = 0; i < xs.length; i++) {
    if (!Number.isFinite(ys[i]!)) {
      pieces.push([]);
      continue;
    }
    const place = Math.min(Math.max(x(xs[i]!), FRAME.left), FRAME.left + FRAME.width);
    pieces.at(-1)!.push(place, y(Math.min(Math.max(ys[i]!, low), high)));
  }
  return {
    kind: 'stroke',
    pieces: pieces.filter(piece => piece.length > 0),
    colour: line.colour,
    width: trend ? 2 : line.smoothing ? 1 : 1.5,
    opacity: line.ghost ? 0.5 : line.smoothing && !trend ? 0.4 : 1,
    ...(trend && !line.solid ? { dash: [1, 4], round: true } : line.dash && { dash: line.dash }),
    name: trend ? `${line.name} (EMA ${line.smoothing})` : line.name,
  };
}

function dotsOf(
  { line, xs, ys }: Drawn,
  look: Look,
  x: (place: number) => number,
  y: (value: number) => number,
): Shape[] {
  return Array.from(xs, (place, i) => ({ place, value: ys[i]! }))
    .filter(({ value }) => Number.isFinite(value))
    .map(({ place, value }) => ({
      kind: 'box' as const,
      x: x(place) - 3,
      y: y(value) - 3,
      width: 6,
      height: 6,
      radius: 3,
      fill: line.colour || look.evaluation,
    }));
}
