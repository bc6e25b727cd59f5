/** What a validation found, and how that stands to the best before it. Upstream: the run's series. Downstream: the result card. */
import type { Series } from './series';
import type { SeriesBook } from './seriesbook';

export interface Validation {
  split: 'eval' | 'test';
  step: number | null;
  loss: number;
  accuracy: number | null;
  /** e to the loss: only of a loss that is a mean over tokens, which the evaluation of a language model is. */
  perplexity: number | null;
  /** Of the same split, before this one; null when this was the first. */
  best: { value: number; step: number | null } | null;
}

/** Beyond it a perplexity says nothing, and overflows. */
const LARGEST_LOSS = 50;

export function validationOf(
  book: SeriesBook,
  split: 'eval' | 'test',
  since: number,
  step: number | null,
): Validation | null {
  const losses = book.get(`${split}/loss`);
  const at = losses ? placeOf(losses, since, step) : -1;
  if (!losses || at < 0) return null;
  const loss = losses.values[at]!;
  const accuracies = book.get(`${split}/accuracy`);
  const accuracyAt = accuracies ? placeOf(accuracies, since, step) : -1;
  const accuracy = accuracyAt < 0 ? null : accuracies!.values[accuracyAt]!;
  return {
    split,
    step,
    loss,
    accuracy,
    perplexity:
      book.get('train/tokens_per_second') && Number.isFinite(loss) && loss < LARGEST_LOSS
        ? Math.exp(loss)
        : null,
    best: bestBefore(losses, at),
  };
}

/** The point that the validation made: the last at its step, else the first since it was asked for; -1 while it is not there. */
function placeOf(series: Series, since: number, step: number | null): number {
  if (step === null) return series.times.findIndex(time => time >= since);
  const at = series.steps.lastIndexOf(step);
  return at >= 0 && series.times[at]! >= since ? at : -1;
}

function bestBefore(series: Series, end: number): Validation['best'] {
  let best: Validation['best'] = null;
  for (let at = 0; at < end; at++) {
    const value = series.values[at]!;
    if (!Number.isFinite(value)) continue;
    const step = series.steps[at]!;
    if (best === null || value < best.value) best = { value, step: Number.isNaN(step) ? null : step };
  }
  return best;
}
