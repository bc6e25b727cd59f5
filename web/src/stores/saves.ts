/** When a run saves a checkpoint by itself. Upstream: the configuration snapshot, the summary. Downstream: the progress overview. */
import type { CheckpointingFacts, RunSummary } from '../wire/generated';

/** Every so many steps, every so many minutes, at the end of each epoch; 0 and false are never. */
export interface Cadence {
  steps: number;
  minutes: number;
  epochs: boolean;
}

/** `seconds` until then, null when the pace is not known. */
export interface Due {
  step?: number;
  epoch?: number;
  seconds: number | null;
}

type Place = Pick<
  RunSummary,
  'step' | 'total_steps' | 'epoch' | 'total_epochs' | 'eta_seconds' | 'started_at'
>;

export function cadenceOf(facts: CheckpointingFacts): Cadence {
  const number = (value: unknown) => (typeof value === 'number' ? value : 0);
  return {
    steps: number(facts.every_steps.value),
    minutes: number(facts.every_minutes.value),
    epochs: facts.each_epoch.value === true,
  };
}

/** The checkpoint that is due first; null when none comes by itself, or nothing tells when. */
export function nextSave(cadence: Cadence, run: Place, lastSave: number | null, now: number): Due | null {
  const due = [atStep(cadence.steps, run), atEpoch(cadence.epochs, run)];
  const since = Math.max(lastSave ?? 0, run.started_at ?? 0);
  if (cadence.minutes > 0 && since > 0)
    due.push({ seconds: Math.max(0, since + cadence.minutes * 60 - now) });
  const known = due.filter(one => one !== null);
  return known.length
    ? known.reduce((a, b) => ((b.seconds ?? Infinity) < (a.seconds ?? Infinity) ? b : a))
    : null;
}

function atStep(every: number, { step, total_steps, eta_seconds }: Place): Due | null {
  if (!(every > 0) || step === null) return null;
  const due = (Math.floor((step + 1) / every) + 1) * every - 1;
  const pace = paceOf(step, total_steps, eta_seconds);
  return { step: due, seconds: pace === null ? null : (due - step) * pace };
}

function atEpoch(each: boolean, { epoch, total_epochs, eta_seconds }: Place): Due | null {
  if (!each || epoch === null) return null;
  const ends = Math.min(Math.floor(epoch) + 1, total_epochs ?? Infinity);
  const pace = paceOf(epoch, total_epochs, eta_seconds);
  return { epoch: Math.ceil(ends), seconds: pace === null ? null : (ends - epoch) * pace };
}

/** Seconds for one of what is left; null where there is no estimate of the end. */
function paceOf(done: number, total: number | null, eta: number | null): number | null {
  if (eta === null || total === null || total <= done) return null;
  return eta / (total - done);
}
