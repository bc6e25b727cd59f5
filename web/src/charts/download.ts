/** Give a file to the browser's downloads. Upstream: pictures. Downstream: the disk. */
import { pictureOf } from './pictures';
import type { ShownFigure } from './figures.svelte';

export const FORMATS = ['png', 'svg', 'csv'] as const;
export type Format = (typeof FORMATS)[number];

const TYPES = { svg: 'image/svg+xml', csv: 'text/csv' } as const;

export function save(blob: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The download has begun by then; the browser keeps what it needs.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Letters, digits, dots and dashes of a name, whatever its alphabet. */
export function fileName(...words: string[]): string {
  return words
    .map(word => word.replace(/[^\p{L}\p{N}._-]+/gu, '-').replace(/^[-.]+|-+$/g, ''))
    .filter(Boolean)
    .join('-');
}

/** Nothing when the figure has nothing to show: the menu says so instead. */
export async function download(figure: ShownFigure, owner: string, format: Format): Promise<void> {
  const picture = pictureOf(figure);
  if (!picture) return;
  const blob =
    format === 'png'
      ? await picture.png()
      : new Blob([picture[format]()], { type: `${TYPES[format]};charset=utf-8` });
  save(blob, `${fileName(owner, picture.name)}.${format}`);
}
