import { describe, expect, it } from 'vitest';
import { Zoom } from './zoom.svelte';

const zoomOf = (from: number, to: number) => {
  const zoom = new Zoom();
  zoom.whole = { from, to };
  return zoom;
};

describe('a zoom', () => {
  it('keeps the place under the pointer where it is', () => {
    const zoom = zoomOf(0, 100);
    zoom.scale(0.5, 20);
    expect(zoom.shown).toEqual({ from: 10, to: 60 });
  });

  it('shows all again when it is wider than all', () => {
    const zoom = zoomOf(0, 100);
    zoom.in();
    expect(zoom.shown).not.toBeNull();
    zoom.out();
    zoom.out();
    expect(zoom.shown).toBeNull();
  });

  it('never leaves what there is', () => {
    const zoom = zoomOf(0, 100);
    zoom.show({ from: -20, to: 20 });
    expect(zoom.shown).toEqual({ from: 0, to: 40 });
    zoom.pan(-10);
    expect(zoom.shown).toEqual({ from: 0, to: 40 });
    zoom.pan(1000);
    expect(zoom.shown).toEqual({ from: 60, to: 100 });
  });

  it('stays a part that can be told from a point', () => {
    const zoom = zoomOf(0, 1e6);
    for (let i = 0; i < 100; i++) zoom.in();
    expect(zoom.shown!.to - zoom.shown!.from).toBeCloseTo(0.1, 6);
  });

  it('of nothing stays all', () => {
    const zoom = zoomOf(5, 5);
    zoom.in();
    expect(zoom.shown).toBeNull();
  });
});
