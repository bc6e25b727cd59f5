/** The start form's rules: what is chosen, what is missing, and what the person's own choice outlives. Upstream: the catalogue, this browser. Downstream: the start form. */
import { keep, keptFields } from '../kept';
import type { ProfileInfo } from '../wire/generated';

const STORED = 'active_training_context';

/** What the form keeps between visits; `epochs` only when the person typed it. */
export interface TrainingContext {
  profile_id: string | null;
  dataset_id: string | null;
  epochs: number | null;
}

export function readContext(): TrainingContext {
  const { profile_id, dataset_id, epochs } = keptFields(STORED);
  return {
    profile_id: typeof profile_id === 'string' ? profile_id : null,
    dataset_id: typeof dataset_id === 'string' ? dataset_id : null,
    epochs: typeof epochs === 'number' && Number.isFinite(epochs) ? epochs : null,
  };
}

export function writeContext(context: TrainingContext): void {
  keep(STORED, context);
}

export type Missing = 'profile' | 'dataset' | 'epochs';

export function missing(
  profile: ProfileInfo | null,
  datasetId: string | null,
  epochs: number | null | undefined,
): Missing[] {
  const out: Missing[] = [];
  if (!profile) out.push('profile');
  if ((profile?.needs_dataset ?? true) && !datasetId) out.push('dataset');
  const bounds = profile?.epochs;
  const inside =
    typeof epochs === 'number' &&
    Number.isFinite(epochs) &&
    epochs > 0 &&
    (!bounds || (epochs >= bounds.min && epochs <= bounds.max));
  if (!inside) out.push('epochs');
  return out;
}
