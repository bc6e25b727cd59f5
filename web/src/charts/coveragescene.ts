/** Expert coverage as a picture: bars above, layer by expert beneath. Upstream: coverage. Downstream: PNG and SVG files. */
import { percent } from '../format';
import { fillOf, type Coverage } from './coverage';
import type { Look } from './look';
import type { Scene, Shape } from './scene';

const WIDTH = 960;
const LEFT = 72;
const BARS = { top: 64, height: 180 };

export function coverageScene(
  found: Coverage,
  title: string,
  note: string,
  words: { layer: string },
  look: Look,
): Scene {
  const inner = WIDTH - LEFT - 24;
  const wide = inner / found.experts;
  const gap = wide > 8 ? 4 : wide > 3 ? 1 : 0;
  const tall = Math.max(10, Math.min(28, 320 / found.layers.length));
  const mapTop = BARS.top + BARS.height + 40;
  const colours = { good: look.good, fair: look.warn, low: look.bad, unknown: look.faint };
  const shapes: Shape[] = [
    { kind: 'text', x: 24, y: 34, text: title, colour: look.text, size: 16, weight: 600 },
    { kind: 'text', x: 24, y: 54, text: note, colour: look.faint, size: 12 },
  ];
  found.mean.forEach((value, expert) => {
    const x = LEFT + expert * wide;
    const height = (value ?? 0) * BARS.height;
    const top = BARS.top + 12;
    shapes.push(
      { kind: 'box', x, y: top, width: wide - gap, height: BARS.height, fill: look.grid },
      {
        kind: 'box',
        x,
        y: top + BARS.height - height,
        width: wide - gap,
        height,
        fill: colours[fillOf(value)],
        name: `E${expert} ${percent(value === null ? null : value * 100)}`,
      },
    );
    if (wide < 28) return;
    const middle = x + (wide - gap) / 2;
    const text = (y: number, words: string) =>
      shapes.push({ kind: 'text', x: middle, y, text: words, colour: look.text, size: 11, anchor: 'middle' });
    text(
      top + BARS.height - height - 4 < top + 12 ? top + 14 : top + BARS.height - height - 4,
      percent(value === null ? null : value * 100, 0),
    );
    text(top + BARS.height + 14, `E${expert}`);
  });
  found.ratios.forEach((row, index) => {
    const y = mapTop + index * tall;
    shapes.push({
      kind: 'text',
      x: LEFT - 8,
      y: y + tall / 2 + 4,
      text: `${words.layer} ${found.layers[index]}`,
      colour: look.faint,
      size: Math.min(11, tall),
      anchor: 'end',
    });
    row.forEach((ratio, expert) => {
      if (ratio === null) return;
      const cell = { x: LEFT + expert * wide, y, width: wide - gap, height: tall - (tall > 8 ? 2 : 0) };
      const name = `${words.layer} ${found.layers[index]}, E${expert}: ${ratio.toFixed(3)}`;
      const fill = ratio === 0 ? look.bad : look.accent;
      const opacity = ratio === 0 ? 0.25 : Math.min(1, 0.06 + 0.47 * Math.min(2, ratio));
      shapes.push({ kind: 'box', ...cell, fill, opacity, name });
      if (ratio !== 0) return;
      const [cx, cy, size] = [
        cell.x + cell.width / 2,
        y + cell.height / 2,
        Math.min(cell.width, cell.height) * 0.3,
      ];
      const pieces = [
        [cx - size, cy - size, cx + size, cy + size],
        [cx + size, cy - size, cx - size, cy + size],
      ];
      shapes.push({ kind: 'stroke', pieces, colour: look.bad, width: 1.5 });
    });
  });
  const height = mapTop + found.layers.length * tall + 24;
  return { width: WIDTH, height, ground: look.panel, face: look.face, title, shapes };
}
