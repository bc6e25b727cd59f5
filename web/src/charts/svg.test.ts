// @vitest-environment jsdom
import { describe, expect, it } from 'vitest';
import type { Scene } from './scene';
import { escaped, toSvg } from './svg';

const scene: Scene = {
  width: 100,
  height: 50,
  ground: '#fff',
  face: 'Inter',
  title: 'a <title> & "more"',
  shapes: [
    { kind: 'text', x: 1, y: 2, text: 'run <b>\u0007', colour: '#000', size: 11 },
    {
      kind: 'stroke',
      pieces: [
        [0, 0, 10.123, 20.456],
        [30, 30],
      ],
      colour: 'red',
      width: 1,
      name: 'train/loss',
    },
    { kind: 'box', x: 0, y: 0, width: -4, height: 3, fill: 'red' },
    { kind: 'patch', points: [0, 0, 1, 1, 2, 0], fill: 'red' },
  ],
};

describe('an SVG file', () => {
  const parsed = () => new DOMParser().parseFromString(toSvg(scene), 'image/svg+xml');

  it('is XML whatever the names hold', () => {
    expect(parsed().querySelector('parsererror')).toBeNull();
    expect(parsed().querySelector('title')!.textContent).toBe('a <title> & "more"');
    expect(parsed().querySelector('text')!.textContent).toBe('run <b>');
    expect(escaped('\u0000\u001b[31m')).toBe('[31m');
  });

  it('has each series as a named path, a lone point as a dot', () => {
    const path = parsed().querySelector('path')!;
    expect(path.getAttribute('data-name')).toBe('train/loss');
    expect(path.getAttribute('d')).toBe('M0,0L10.12,20.46M30,30h0.01');
  });

  it('has no box of negative size', () => {
    expect(parsed().querySelectorAll('rect')[1]!.getAttribute('width')).toBe('0');
  });
});
