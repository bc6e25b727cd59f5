/** One expert over time. Upstream: series. Downstream: the expert's dialog. */
import type { Series } from '../stores/series';

/** The step from which on an expert got no token any more, up to now; null while it gets some, or where nobody counts steps. */
export function deadSince(series: Series): number | null {
  const highs = series.column('high');
  let first = highs.length;
  while (first > 0 && highs[first - 1] === 0) first--;
  if (first === highs.length) return null;
  const step = series.steps[first]!;
  return Number.isNaN(step) ? null : step;
}

/** How `moe/loss` came about when the trainer measured it at the router. */
export const BY_ROUTING = 'routing_weighted_nll';

export interface AttributedLoss {
  name: string;
  /** null where the trainer logs one value for all layers. */
  layer: number | null;
}

/** The names of the losses that are attributed to an expert, layer after layer. */
export function lossesOf(names: readonly string[], expert: number): AttributedLoss[] {
  const own = new RegExp(`^moe/loss/(?:(\\d+)/)?${expert}$`);
  return names
    .map(name => ({ name, found: own.exec(name) }))
    .filter(({ found }) => found !== null)
    .map(({ name, found }) => ({ name, layer: found![1] === undefined ? null : Number(found![1]) }))
    .sort((a, b) => (a.layer ?? -1) - (b.layer ?? -1));
}
