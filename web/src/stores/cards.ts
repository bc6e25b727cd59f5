/** Which cards the overview shows, and in which order. Upstream: the runs. Downstream: the overview. */
import type { RunSummary } from '../wire/generated';

/** With more live runs than this, cards are small unless a person chose otherwise. */
export const MANY = 12;

const URGENCY: Record<RunSummary['health']['level'], number> = {
  trouble: 0,
  attention: 1,
  good: 2,
  neutral: 2,
};

/** Who needs a person first, then the newest; only those that `text` is found in. */
export function arranged(runs: readonly RunSummary[], text: string): RunSummary[] {
  const sought = text.trim().toLowerCase();
  return runs
    .filter(run => !sought || mentions(run, sought))
    .sort((a, b) => URGENCY[a.health.level] - URGENCY[b.health.level] || b.created_at - a.created_at);
}

function mentions(run: RunSummary, text: string): boolean {
  return [run.name, run.run_id, run.profile_id, run.dataset_id].some(one =>
    one?.toLowerCase().includes(text),
  );
}
