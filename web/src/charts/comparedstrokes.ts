/** Courses of many runs straight onto a chart's canvas, each on its own places. Upstream: drawn. Downstream: CompareChart. */
import type uPlot from 'uplot';
import type { Drawn } from './drawn';

type Place = (value: number) => number;

export interface Places {
  x: Place;
  y: Place;
}

/** Pixels of the canvas, without a call into the chart for each of tens of thousands of points. */
export function placers({ bbox, scales }: uPlot, logarithmic: boolean): Places {
  const [left, right] = [scales.x!.min!, scales.x!.max!];
  const grow = logarithmic ? Math.log : (value: number) => value;
  const [low, high] = [grow(scales.y!.min!), grow(scales.y!.max!)];
  return {
    x: value => bbox.left + ((value - left) / (right - left)) * bbox.width,
    y: value => bbox.top + (1 - (grow(value) - low) / (high - low)) * bbox.height,
  };
}

export interface Ink {
  at: Places;
  logarithmic: boolean;
  /** Opacity, of 1. */
  strength: number;
  /** Times the usual width. */
  weight: number;
}

/** One course or its trend; it is left open where a value is no number, or cannot stand on the scale. */
export function stroke(
  ctx: CanvasRenderingContext2D,
  { line, trend, xs, ys }: Drawn,
  { at, logarithmic, strength, weight }: Ink,
): void {
  const faint = line.smoothing > 0 && !trend;
  ctx.globalAlpha = strength * (faint ? 0.3 : 1);
  ctx.strokeStyle = ctx.fillStyle = line.colour;
  ctx.lineWidth = (faint ? 1 : 1.6) * weight * devicePixelRatio;
  ctx.setLineDash(line.dash && !faint ? line.dash.map(one => one * devicePixelRatio) : []);
  ctx.beginPath();
  let open = false;
  for (let i = 0; i < xs.length; i++) {
    const value = ys[i]!;
    if (!Number.isFinite(value) || (logarithmic && value <= 0)) {
      open = false;
      continue;
    }
    if (open) ctx.lineTo(at.x(xs[i]!), at.y(value));
    else ctx.moveTo(at.x(xs[i]!), at.y(value));
    open = true;
  }
  ctx.stroke();
  if (line.dots && !trend) dots(ctx, xs, ys, at, 2.6 * weight * devicePixelRatio);
}

function dots(
  ctx: CanvasRenderingContext2D,
  xs: ArrayLike<number>,
  ys: ArrayLike<number>,
  at: Places,
  size: number,
): void {
  ctx.beginPath();
  for (let i = 0; i < xs.length; i++) {
    if (!Number.isFinite(ys[i]!)) continue;
    const x = at.x(xs[i]!);
    const y = at.y(ys[i]!);
    ctx.moveTo(x + size, y);
    ctx.arc(x, y, size, 0, 2 * Math.PI);
  }
  ctx.fill();
}
