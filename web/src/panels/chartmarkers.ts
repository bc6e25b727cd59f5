/** What happened in a run, as marks on its charts. Upstream: the run, its alerts. Downstream: line charts. */
import { isUrgent, sentence } from '../alertwords';
import { markersOf, type AlertMark, type Marker } from '../charts/markers';
import { TRAIN } from '../charts/names';
import { integer } from '../format';
import { t } from '../i18n/index.svelte';
import { alerts } from '../stores/alerts.svelte';
import type { RunStore } from '../stores/run.svelte';
import { firstFrom } from '../stores/thin';
import { shownValue } from '../stores/values';
import type { AlertRecord } from '../wire/generated';
import { byWhom, knobName } from './words';

export function chartMarkers(run: RunStore): Marker[] {
  const words = {
    change: (one: { name: string; old?: unknown; new?: unknown; by?: string | null }) =>
      `${knobName(one.name, null)}: ${shownValue(one.old)} → ${shownValue(one.new)}, ${byWhom(one.by ?? null)}`,
    checkpoint: (one: { step: number }) => t('loss.checkpoint', { step: integer(one.step) }),
  };
  const urgent = alerts.ofRun(run.id).filter(isUrgent);
  const marks = urgent.map(alert => markOf(run, alert));
  return markersOf(run.record?.hyperparameters ?? [], run.record?.checkpoints ?? [], words, marks);
}

/** An alert that knows no step stands at the one that the run had reached when it began. */
function markOf(run: RunStore, alert: AlertRecord): AlertMark {
  const line = sentence(alert);
  if (alert.step != null) return { step: alert.step, time: alert.began_at, line };
  const course = run.series.get(TRAIN);
  const at = course ? Math.min(course.length - 1, firstFrom(course.times, alert.began_at)) : -1;
  const step = at < 0 ? NaN : course!.steps[at]!;
  return { step: Number.isNaN(step) ? null : step, time: alert.began_at, line };
}
