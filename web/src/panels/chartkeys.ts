/** Keys of a figure that has the focus: its cursor moves from point to point. Upstream: figures. Downstream: line charts. */
import type { Read } from '../charts/read';

export interface Readable {
  move(by: number): Read | null;
  leave(): void;
  jump(): void;
}

const FAR = 10;

/** True when the key meant something here. */
export function chartKey(
  event: KeyboardEvent,
  chart: Readable | null,
  said: (read: Read | null) => void,
): boolean {
  if (!chart) return false;
  const pace = event.shiftKey ? FAR : 1;
  switch (event.key) {
    case 'ArrowLeft':
      said(chart.move(-pace));
      return true;
    case 'ArrowRight':
      said(chart.move(pace));
      return true;
    case 'Home':
      said(chart.move(-Infinity));
      return true;
    case 'End':
      said(chart.move(Infinity));
      return true;
    case 'Enter':
      chart.jump();
      return true;
    case 'Escape':
      chart.leave();
      said(null);
      return false;
    default:
      return false;
  }
}
