/** What stands at a place of a chart, in exact numbers. Upstream: line charts. Downstream: figures. */
import type { Point } from '../stores/series';

export interface ReadValue {
  key: string;
  label: string;
  colour: string;
  value: number;
  /** null without smoothing. */
  trend: number | null;
  /** Of what the point stands for, where it stands for several. */
  bounds: [number, number] | null;
  ghost: boolean;
}

export interface Read {
  /** The place in words. */
  place: string;
  values: ReadValue[];
  point: Point;
}
