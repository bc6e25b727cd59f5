/** A scene as an SVG file: vectors and text, nothing from elsewhere. Upstream: scene. Downstream: downloads. */
import { unreachable } from '../unreachable';
import type { Scene, Shape, Stroke } from './scene';

const ESCAPED: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text as XML may hold it: control characters, which it cannot say at all, are left out. */
export function escaped(text: string): string {
  return text
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '')
    .replace(/[&<>"']/g, one => ESCAPED[one]!);
}

const short = (value: number): string => String(Math.round(value * 100) / 100);

export function toSvg(scene: Scene): string {
  const { width, height } = scene;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<svg xmlns="http://www.w3.org/2000/svg" width="${short(width)}" height="${short(height)}" viewBox="0 0 ${short(width)} ${short(height)}" font-family="${escaped(scene.face ?? 'sans-serif')}" role="img">`,
    scene.title ? `<title>${escaped(scene.title)}</title>` : '',
    `<rect width="100%" height="100%" fill="${escaped(scene.ground)}"/>`,
    ...scene.shapes.map(shapeOf),
    '</svg>',
    '',
  ]
    .filter((line, index, all) => line !== '' || index === all.length - 1)
    .join('\n');
}

function attributes(values: Record<string, string | number | undefined>): string {
  return Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}="${typeof value === 'number' ? short(value) : escaped(value!)}"`)
    .join('');
}

function named(element: string, rest: string, name: string | undefined): string {
  return name ? `<${element}${rest}><title>${escaped(name)}</title></${element}>` : `<${element}${rest}/>`;
}

function shapeOf(shape: Shape): string {
  switch (shape.kind) {
    case 'text':
      return `<text${attributes({
        x: shape.x,
        y: shape.y,
        fill: shape.colour,
        'font-size': shape.size,
        'font-weight': shape.weight,
        'text-anchor': shape.anchor,
      })}>${escaped(shape.text)}</text>`;
    case 'stroke':
      return named(
        'path',
        attributes({
          d: pathOf(shape),
          fill: 'none',
          stroke: shape.colour,
          'stroke-width': shape.width,
          'stroke-opacity': shape.opacity,
          'stroke-dasharray': shape.dash?.join(' '),
          'stroke-linecap': shape.round ? 'round' : undefined,
          'stroke-linejoin': 'round',
          'data-name': shape.name,
        }),
        shape.name,
      );
    case 'box':
      return named(
        'rect',
        attributes({
          x: shape.x,
          y: shape.y,
          width: Math.max(0, shape.width),
          height: Math.max(0, shape.height),
          rx: shape.radius,
          fill: shape.fill,
          'fill-opacity': shape.opacity,
        }),
        shape.name,
      );
    case 'patch':
      return named(
        'polygon',
        attributes({
          points: pairs(shape.points).join(' '),
          fill: shape.fill,
          'fill-opacity': shape.opacity,
        }),
        shape.name,
      );
    default:
      unreachable(shape);
      return '';
  }
}

function pairs(flat: readonly number[]): string[] {
  const out: string[] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) out.push(`${short(flat[i]!)},${short(flat[i + 1]!)}`);
  return out;
}

function pathOf(stroke: Stroke): string {
  return stroke.pieces
    .filter(piece => piece.length >= 2)
    .map(piece => {
      const points = pairs(piece);
      // A lone point has no length: it shows as the dot that round ends make of it.
      return points.length === 1 ? `M${points[0]}h0.01` : `M${points.join('L')}`;
    })
    .join('');
}
