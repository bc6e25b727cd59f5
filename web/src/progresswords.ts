/** A run's progress in one spoken sentence. Upstream: the summary. Downstream: the console's polite live region. */
import { about, fixed, knownProgress, loss, percent, shownEpoch, UNKNOWN } from './format';
import { t } from './i18n/index.svelte';
import { isAdvancing, stateKey } from './state';
import type { RunSummary } from './wire/generated';

/** What of it is known: `Epoch 3 of 10, 34 %, loss 2.13, about 5 min left`; the state in place of the time when it stands still. */
export function progressSentence(summary: RunSummary): string {
  const total = summary.total_epochs;
  const epoch = shownEpoch(summary.epoch, total);
  const parts = [
    epoch === null
      ? ''
      : total
        ? t('voice.epoch', { epoch, total: fixed(total, total % 1 ? 1 : 0) })
        : t('voice.epoch_alone', { epoch }),
    known(percent(knownProgress(summary), 0)),
    known(loss(summary.loss)) && t('voice.loss', { loss: loss(summary.loss) }),
    !isAdvancing(summary)
      ? t(stateKey(summary))
      : summary.eta_seconds === null
        ? ''
        : t('voice.left', { time: about(summary.eta_seconds) }),
  ];
  return parts.filter(Boolean).join(', ');
}

const known = (words: string): string => (words === UNKNOWN ? '' : words);
