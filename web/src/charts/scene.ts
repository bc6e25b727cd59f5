/** A picture as plain shapes, which a canvas and an SVG file show alike. Upstream: figures. Downstream: svg, raster. */

export interface Words {
  kind: 'text';
  x: number;
  y: number;
  text: string;
  colour: string;
  size: number;
  weight?: number;
  anchor?: 'start' | 'middle' | 'end';
}

/** Lines through points, a piece for each; coordinates in turn: x, y, x, y. */
export interface Stroke {
  kind: 'stroke';
  pieces: number[][];
  colour: string;
  width: number;
  opacity?: number;
  dash?: readonly number[];
  round?: boolean;
  /** What it shows, for people who open the file. */
  name?: string;
}

export interface Box {
  kind: 'box';
  x: number;
  y: number;
  width: number;
  height: number;
  fill: string;
  opacity?: number;
  radius?: number;
  name?: string;
}

export interface Patch {
  kind: 'patch';
  points: number[];
  fill: string;
  opacity?: number;
  name?: string;
}

export type Shape = Words | Stroke | Box | Patch;

export interface Scene {
  width: number;
  height: number;
  ground: string;
  /** The face that text is set in. */
  face?: string;
  title?: string;
  shapes: Shape[];
}
