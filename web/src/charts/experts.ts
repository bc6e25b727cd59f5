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

/** The names of an expert's own loss: whoever logs it says how it was attributed. */
export function lossNames(names: readonly string[], expert: number): string[] {
  const own = new RegExp(`^moe/loss/(?:\\d+/)?${expert}$`);
  return names.filter(name => own.test(name));
}
