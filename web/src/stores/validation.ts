/** What a validation found, and how that stands to the best before it. Upstream: the run's series. Downstream: the result card. */
import type { Series, SeriesBook } from './series';

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
  const loss = losses && firstSince(losses, since);
  if (!losses || loss === null) return null;
  const accuracies = book.get(`${split}/accuracy`);
  const accuracy = accuracies && firstSince(accuracies, since);
  return {
    split,
    step,
    loss,
    accuracy,
    perplexity:
      book.get('train/tokens_per_second') && Number.isFinite(loss) && loss < LARGEST_LOSS
        ? Math.exp(loss)
        : null,
    best: bestBefore(losses, since),
  };
}

function firstSince(series: Series, since: number): number | null {
  const at = series.times.findIndex(time => time >= since);
  return at < 0 ? null : series.values[at]!;
}

function bestBefore(series: Series, since: number): Validation['best'] {
  let best: Validation['best'] = null;
  series.values.forEach((value, at) => {
    if (!Number.isFinite(value) || series.times[at]! >= since) return;
    const step = series.steps[at]!;
    if (best === null || value < best.value) best = { value, step: Number.isNaN(step) ? null : step };
  });
  return best;
}
