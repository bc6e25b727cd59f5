/** Every chart on the page as files: a picture, a drawing, its numbers. Upstream: figures. Downstream: the export dialog. */
import { figures, type ShownFigure } from './figures.svelte';
import { toPng } from './raster';
import { toSvg } from './svg';

export interface Picture {
  /** As it is called on the page. */
  name: string;
  /** Twice the size of the drawing, in the theme of the page. */
  png(): Promise<Blob>;
  svg(): string;
  /** The exact values of what the chart has loaded. */
  csv(): string;
}

/** The charts on the page that have something to show, in their order. */
export function pictures(): Picture[] {
  return figures.all.filter(one => one.scene() !== null).map(pictureOf);
}

export function pictureOf(figure: ShownFigure): Picture {
  const scene = () => figure.scene() ?? { width: 1, height: 1, ground: 'transparent', shapes: [] };
  return {
    name: figure.name(),
    png: () => toPng(scene(), 2),
    svg: () => toSvg(scene()),
    csv: figure.csv,
  };
}
