/** From a run to its comparison with those before it. Upstream: GET /runs. Downstream: the console's actions, the summary. */
import { get } from '../net/api';
import type { RunList, RunSummary } from '../wire/generated';
import { withEarlier } from './comparequery';
import { router } from './router.svelte';

const LOOKED_AT = 200;

/** Open it. Where there is no earlier one, or the list cannot be read, the page itself says how to choose some. */
export async function compareWithEarlier(id: string, summary: RunSummary | null): Promise<void> {
  let runs = [id];
  if (summary)
    try {
      const list = await get<RunList>('runs', { profile: summary.profile_id, limit: LOOKED_AT });
      runs = withEarlier(id, summary, list.runs);
    } catch {
      // The connection's own state says that the server is away.
    }
  router.go({ page: 'compare', runs });
}
