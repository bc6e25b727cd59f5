/** The actions that were used last, newest first, over visits. Upstream: shortcuts, the palette. Downstream: the palette's order. */

const STORED = 'gladius_recent_actions';
const KEPT = 12;

export function recentActions(): string[] {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(STORED) ?? '[]');
    return Array.isArray(stored) ? stored.filter(one => typeof one === 'string').slice(0, KEPT) : [];
  } catch {
    return [];
  }
}

export function remember(id: string): void {
  const ids = [id, ...recentActions().filter(one => one !== id)].slice(0, KEPT);
  localStorage.setItem(STORED, JSON.stringify(ids));
}
