/** What a turned wheel means over a chart. Upstream: the browser. Downstream: charts. */
import type { Zoom } from './zoom.svelte';

/** A page that is being scrolled goes on scrolling for this long when a chart comes under the pointer. */
const IN_FLIGHT_MS = 250;
const PIXELS_OF_A_LINE = 16;

let pageScrolledAt = -Infinity;
let watching = false;

/** Hear the wheel everywhere, so that a chart can tell a scroll that is on its way from one that is meant for it. */
export function watchPageScroll(): void {
  if (watching) return;
  watching = true;
  const hear = (event: WheelEvent) => {
    if (!(event.target instanceof Element) || !event.target.closest('.u-over'))
      pageScrolledAt = event.timeStamp;
  };
  addEventListener('wheel', hear, { passive: true, capture: true });
}

/**
 * Zoom about the pointer with the wheel, pan with a trackpad or Shift. What has no use here (zooming out of all there is, a page
 * that was scrolling already) is left to the page.
 */
export function turn(event: WheelEvent, zoom: Zoom, at: number, perPixel: number): void {
  const meant = event.ctrlKey || event.timeStamp - pageScrolledAt > IN_FLIGHT_MS;
  const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? PIXELS_OF_A_LINE : 1;
  const sideways = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY);
  const delta = (sideways ? event.deltaX || event.deltaY : event.deltaY) * unit;
  const useful = zoom.shown !== null || (!sideways && delta < 0);
  if (!meant || !useful || delta === 0) {
    pageScrolledAt = event.timeStamp;
    return;
  }
  event.preventDefault();
  if (sideways) zoom.pan(delta * perPixel);
  else zoom.scale(Math.exp(Math.max(-120, Math.min(120, delta)) * 0.003), at);
}
