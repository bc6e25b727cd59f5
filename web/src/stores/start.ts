/** The start form's rules: what is chosen, what is missing, and what the person's own choice outlives. Upstream: the catalogue, this browser. Downstream: the start form. */
import { keep, keptFields } from '../kept';
import { t } from '../i18n/index.svelte';
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

/** One setting that a person may say for this run; `open` is one that the profile leaves to them. */
export interface StartSetting {
  key: string;
  value: string;
  open: boolean;
}

/** What of a profile's configuration a form asks for: what it leaves open first, then what it says itself. */
export function settingsOf(profile: ProfileInfo | null): StartSetting[] {
  const flat = flatten(profile?.config ?? {}).filter(
    ([key]) => key !== 'train.epochs' && !key.startsWith('data.path'),
  );
  const all = flat.map(([key, value]) => ({ key, value: said(value), open: value === null }));
  return [...all.filter(one => one.open), ...all.filter(one => !one.open)];
}

function flatten(config: Record<string, unknown>, prefix = ''): [string, unknown][] {
  return Object.entries(config).flatMap(([key, value]): [string, unknown][] =>
    value !== null && typeof value === 'object' && !Array.isArray(value)
      ? flatten(value as Record<string, unknown>, `${prefix}${key}.`)
      : [[prefix + key, value]],
  );
}

function said(value: unknown): string {
  return value === null || value === undefined
    ? ''
    : typeof value === 'string'
      ? value
      : JSON.stringify(value);
}

/** A setting's name for people. */
export function nameOf(key: string): string {
  return key === 'model.name' || key === 'model_name_or_path' ? t('start.model') : key;
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
