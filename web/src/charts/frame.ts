/** What every chart of lines has around them: the y scale, its ticks, and crosses where a value is no number. Upstream: look, range. Downstream: charts. */
import type uPlot from 'uplot';
import { fixed, scientific } from '../format';
import type { Drawn } from './drawn';
import type { Look } from './look';
import { airy, type Height } from './range';

/** An x scale of plain numbers, and a y scale as high as `height` says at each paint. */
export function scalesOf(height: () => Height, logarithmic: boolean): uPlot.Scales {
  const range = (): [number, number] => {
    const { low, high } = height();
    return airy(low, high, logarithmic && low > 0);
  };
  return { x: { time: false }, y: { distr: logarithmic ? 3 : 1, range } };
}

/** A value at the side, in as many digits as its neighbours need. */
export function sideTick(value: number, digits: number, logarithmic: boolean): string {
  if (logarithmic || Math.abs(value) >= 1e5 || digits > 4) return scientific(value);
  return fixed(value, digits);
}

/** A red cross at the top wherever a value is no number: the one thing that must not be overlooked. */
export function drawCrosses(
  { ctx, bbox }: uPlot,
  look: Look,
  strokes: readonly Drawn[],
  place: (x: number) => number,
): void {
  const size = 3.5 * devicePixelRatio;
  const y = bbox.top + 2 * size;
  ctx.save();
  ctx.globalAlpha = 1;
  ctx.setLineDash([]);
  ctx.strokeStyle = look.bad;
  ctx.lineWidth = 1.5 * devicePixelRatio;
  ctx.beginPath();
  for (const { trend, xs, ys } of strokes)
    for (let i = 0; !trend && i < xs.length; i++) {
      if (Number.isFinite(ys[i]!)) continue;
      const x = place(xs[i]!);
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.moveTo(x - size, y - size);
      ctx.lineTo(x + size, y + size);
      ctx.moveTo(x + size, y - size);
      ctx.lineTo(x - size, y + size);
    }
  ctx.stroke();
  ctx.restore();
}
