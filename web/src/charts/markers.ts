/** What happened along a curve: changed hyperparameters and checkpoints, as marks on its x axis. */
import type uPlot from 'uplot';
import type { Checkpoint, HyperparameterChange } from '../wire/generated';
import { paintShape } from './raster';
import type { Shape } from './scene';
import type { Look } from './look';

export interface Marker {
  kind: 'change' | 'checkpoint' | 'alert';
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

/** An alert as a chart marks it: at its step, else at the step that the course had reached then. */
export interface AlertMark {
  step: number | null;
  time: number;
  line: string;
}

/** Markers of a course, by step; what happened at the same step shares one. A checkpoint that failed is none. */
export function markersOf(
  changes: readonly HyperparameterChange[],
  checkpoints: readonly Checkpoint[],
  words: { change: (one: HyperparameterChange) => string; checkpoint: (one: Checkpoint) => string },
  alerts: readonly AlertMark[] = [],
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
  for (const one of alerts) if (one.step !== null) add('alert', one.step, one.time, one.line);
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

interface Frame {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** Changes are dashed lines with a flag at the top, alerts flags with a stem, checkpoints ticks at the bottom. */
export function marksOf(look: Look, kind: Marker['kind'], x: number, frame: Frame): Shape[] {
  const bottom = frame.top + frame.height;
  switch (kind) {
    case 'checkpoint':
      return [{ kind: 'patch', points: [x - 3.5, bottom, x + 3.5, bottom, x, bottom - 6], fill: look.faint }];
    case 'change':
      return [
        { kind: 'stroke', pieces: [[x, frame.top, x, bottom]], colour: look.warn, width: 1, dash: [3, 3] },
        { kind: 'patch', points: [x - 4, frame.top, x + 4, frame.top, x, frame.top + 6], fill: look.warn },
      ];
    case 'alert':
      return [
        { kind: 'stroke', pieces: [[x, frame.top, x, bottom]], colour: look.bad, width: 1, opacity: 0.5 },
        {
          kind: 'patch',
          points: [x, frame.top, x + 9, frame.top + 4, x, frame.top + 8],
          fill: look.bad,
        },
      ];
  }
}

/** Draw them over a plot. */
export function drawMarkers(plot: uPlot, look: Look, placed: readonly (Marker & { x: number })[]): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  const frame = {
    left: bbox.left / ratio,
    top: bbox.top / ratio,
    width: bbox.width / ratio,
    height: bbox.height / ratio,
  };
  ctx.save();
  ctx.scale(ratio, ratio);
  for (const { kind, x } of placed) {
    const at = Math.round(plot.valToPos(x, 'x', true) / ratio) + 0.5;
    if (at < frame.left - 1 || at > frame.left + frame.width + 1) continue;
    for (const shape of marksOf(look, kind, at, frame)) paintShape(ctx, shape, look.font);
  }
  ctx.restore();
}
