/** A scene as a PNG file. Upstream: scene. Downstream: downloads. */
import { unreachable } from '../unreachable';
import type { Scene, Shape } from './scene';

export function toPng(scene: Scene, scale: number): Promise<Blob> {
  const canvas = document.createElement('canvas');
  canvas.width = Math.round(scene.width * scale);
  canvas.height = Math.round(scene.height * scale);
  const pen = canvas.getContext('2d')!;
  pen.scale(scale, scale);
  pen.fillStyle = scene.ground;
  pen.fillRect(0, 0, scene.width, scene.height);
  for (const shape of scene.shapes) paintShape(pen, shape, scene.face ?? 'sans-serif');
  return new Promise((resolve, reject) =>
    canvas.toBlob(
      blob => (blob ? resolve(blob) : reject(new Error('the picture is too large'))),
      'image/png',
    ),
  );
}

/** One shape on a canvas. */
export function paintShape(pen: CanvasRenderingContext2D, shape: Shape, face: string): void {
  pen.globalAlpha = 'opacity' in shape ? (shape.opacity ?? 1) : 1;
  switch (shape.kind) {
    case 'text':
      pen.fillStyle = shape.colour;
      pen.font = `${shape.weight ?? 400} ${shape.size}px ${face}`;
      pen.textAlign = shape.anchor === 'middle' ? 'center' : (shape.anchor ?? 'start');
      pen.fillText(shape.text, shape.x, shape.y);
      return;
    case 'stroke':
      pen.strokeStyle = shape.colour;
      pen.lineWidth = shape.width;
      pen.lineJoin = 'round';
      pen.lineCap = shape.round ? 'round' : 'butt';
      pen.setLineDash([...(shape.dash ?? [])]);
      pen.beginPath();
      for (const piece of shape.pieces) trace(pen, piece);
      pen.stroke();
      return;
    case 'box':
      pen.fillStyle = shape.fill;
      pen.beginPath();
      pen.roundRect(shape.x, shape.y, Math.max(0, shape.width), Math.max(0, shape.height), shape.radius ?? 0);
      pen.fill();
      return;
    case 'patch':
      pen.fillStyle = shape.fill;
      pen.beginPath();
      trace(pen, shape.points);
      pen.fill();
      return;
    default:
      unreachable(shape);
  }
}

function trace(pen: CanvasRenderingContext2D, points: readonly number[]): void {
  if (points.length < 2) return;
  pen.moveTo(points[0]!, points[1]!);
  if (points.length === 2) pen.lineTo(points[0]! + 0.01, points[1]!);
  for (let i = 2; i + 1 < points.length; i += 2) pen.lineTo(points[i]!, points[i + 1]!);
}
