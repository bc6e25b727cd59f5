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
  return figures.all.map(pictureOf).filter(picture => picture !== null);
}

/** A figure as it is at this moment; null while it has nothing to show. */
export function pictureOf(figure: ShownFigure): Picture | null {
  const scene = figure.scene();
  return (
    scene && {
      name: figure.name(),
      png: () => toPng(scene, 2),
      svg: () => toSvg(scene),
      csv: figure.csv,
    }
  );
}
