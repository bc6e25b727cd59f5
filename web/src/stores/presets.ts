/** Which presets fit a run, and what they would change. Upstream: GET /presets. Downstream: start form, preset dialogs. */
import type { ConfigDiff, PresetInfo } from '../wire/generated';
import { sameValue } from './values';

/** Whether a preset is meant for runs of this profile; a broken one fits nothing. */
export function fits(preset: PresetInfo, profileId: string | null, engine: string | null): boolean {
  return (
    !preset.problem && preset.engine === engine && (preset.profile === null || preset.profile === profileId)
  );
}

export interface Difference {
  key: string;
  now: unknown;
  then: unknown;
}

/** The settings of a preset that a file says otherwise. */
export function differences(preset: PresetInfo, rows: ConfigDiff['rows']): Difference[] {
  const now = new Map<string, unknown>(rows.map(row => [row.key, row.file]));
  return Object.entries(preset.values)
    .map(([key, then]) => ({ key, now: now.get(key) ?? null, then: then as unknown }))
    .filter(one => !sameValue(one.now, one.then));
}

/** What belongs to one run alone and to no template: where its data lies. */
const OWN = /^(data\.(id|path|builtin|cache)|output)$/;

/** The settings of a file that may be kept as a template, without those that are not set. */
export function keepable(rows: ConfigDiff['rows']): { key: string; value: unknown }[] {
  // What only the trainer tells of stands in no file, and no file would take it.
  const filed = rows.some(row => row.file !== null);
  return rows
    .map(row => ({ key: row.key, value: (filed ? row.file : row.launched) as unknown }))
    .filter(one => one.value !== null && !OWN.test(one.key));
}
