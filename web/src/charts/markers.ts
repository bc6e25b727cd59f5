/** What happened along a curve: changed hyperparameters and checkpoints, as marks on its x axis. */
import type uPlot from 'uplot';
import type { Checkpoint, HyperparameterChange } from '../wire/generated';
import type { Look } from './look';

export interface Marker {
  kind: 'change' | 'checkpoint';
  step: number;
  /** Unix seconds. */
  time: number;
  /** One line for each thing that happened here. */
  lines: string[];
}

/** Seconds that the record of a step may come after what happened at its end. */
const SLACK = 1;

/** Pixels of the pointer's distance within which a marker tells what it is. */
export const NEAR = 6;

/** Markers of a course, by step; what happened at the same step shares one. A checkpoint that failed is none. */
export function markersOf(
  changes: readonly HyperparameterChange[],
  checkpoints: readonly Checkpoint[],
  words: { change: (one: HyperparameterChange) => string; checkpoint: (one: Checkpoint) => string },
): Marker[] {
  const found = new Map<string, Marker>();
  const add = (kind: Marker['kind'], step: number, time: number, line: string) => {
    const known = found.get(`${kind} ${step}`);
    if (known) {
      known.lines.push(line);
      known.time = Math.max(known.time, time);
    } else found.set(`${kind} ${step}`, { kind, step, time, lines: [line] });
  };
  for (const one of checkpoints)
    if (!one.failed) add('checkpoint', one.step, one.time, words.checkpoint(one));
  for (const one of changes)
    if (one.step !== null && one.step !== undefined) add('change', one.step, one.time, words.change(one));
  return [...found.values()].sort((a, b) => a.step - b.step);
}

/** The last of the rising `steps` that is not greater than `step`; -1 when all are. */
function lastUpTo(step: number, steps: ArrayLike<number>): number {
  let low = -1;
  let high = steps.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (steps[middle]! <= step) low = middle;
    else high = middle;
  }
  return low;
}

/** Whether a later attempt went back behind it: the course came to its step, or to an earlier one, after it happened. */
export function isSuperseded(marker: Marker, steps: ArrayLike<number>, times: ArrayLike<number>): boolean {
  const at = lastUpTo(marker.step, steps);
  return at >= 0 && times[at]! > marker.time + SLACK;
}

/** Where `step` lies among `xs`, the places of `steps`: between its neighbours, at an end beyond them; null without any. */
export function placeOf(step: number, steps: ArrayLike<number>, xs: ArrayLike<number>): number | null {
  const end = steps.length - 1;
  if (end < 0 || Number.isNaN(steps[0]!)) return null;
  if (step <= steps[0]!) return xs[0]!;
  if (step >= steps[end]!) return xs[end]!;
  const low = lastUpTo(step, steps);
  const high = low + 1;
  const share = (step - steps[low]!) / (steps[high]! - steps[low]! || 1);
  return xs[low]! + share * (xs[high]! - xs[low]!);
}

/** Draw changes as dashed lines with a flag at the top, checkpoints as ticks at the bottom. */
export function drawMarkers(plot: uPlot, look: Look, placed: readonly (Marker & { x: number })[]): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  ctx.save();
  for (const { kind, x } of placed) {
    const at = Math.round(plot.valToPos(x, 'x', true));
    if (at < bbox.left - 1 || at > bbox.left + bbox.width + 1) continue;
    ctx.beginPath();
    if (kind === 'change') {
      ctx.strokeStyle = look.warn;
      ctx.lineWidth = ratio;
      ctx.setLineDash([3 * ratio, 3 * ratio]);
      ctx.moveTo(at + 0.5, bbox.top);
      ctx.lineTo(at + 0.5, bbox.top + bbox.height);
      ctx.stroke();
      ctx.beginPath();
      ctx.fillStyle = look.warn;
      ctx.moveTo(at - 4 * ratio, bbox.top);
      ctx.lineTo(at + 4 * ratio, bbox.top);
      ctx.lineTo(at, bbox.top + 6 * ratio);
      ctx.fill();
    } else {
      const bottom = bbox.top + bbox.height;
      ctx.fillStyle = look.faint;
      ctx.moveTo(at - 3.5 * ratio, bottom);
      ctx.lineTo(at + 3.5 * ratio, bottom);
      ctx.lineTo(at, bottom - 6 * ratio);
      ctx.fill();
    }
  }
  ctx.restore();
}
