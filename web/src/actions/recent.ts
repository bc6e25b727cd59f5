/** The actions that were used last, newest first, over visits. Upstream: shortcuts, the palette. Downstream: the palette's order. */
import { keep, keptTexts } from '../kept';

const STORED = 'gladius_recent_actions';
const MOST = 12;

export function recentActions(): string[] {
  return keptTexts(STORED).slice(0, MOST);
}

export function remember(id: string): void {
  keep(STORED, [id, ...recentActions().filter(one => one !== id)].slice(0, MOST));
}
