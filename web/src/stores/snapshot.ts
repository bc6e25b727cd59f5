/** The configuration snapshot as groups of short lines. Upstream: GET /runs/{id}/config. Downstream: ConfigPanel, ProgressPanel. */
import { compact, exact, UNKNOWN } from '../format';
import { t, type Key } from '../i18n/index.svelte';
import type { ConfigSnapshot, ConfigValue } from '../wire/generated';

export interface Line {
  label: Key;
  text: string;
  /** Where it comes from, or what it was before. */
  title: string;
  /** What it was before a change while it trained; null when it was not changed. */
  was: string | null;
}

export interface Group {
  title: Key;
  lines: Line[];
}

/** A setting as it is shown: numbers by the locale, the unknown as a dash. */
function settingText(value: unknown): string {
  if (value === null || value === undefined) return UNKNOWN;
  if (typeof value === 'number') return exact(value);
  if (Array.isArray(value)) return value.map(settingText).join('; ');
  return typeof value === 'string' ? value : String(value);
}

function sourceText(value: ConfigValue): string {
  if (value.source === null) return '';
  const from = t(`config.from_${value.source}`);
  const key = value.source !== 'derived' && value.key ? `${value.key}: ${from}` : from;
  if (!value.changed || value.was === null || value.was === undefined) return key;
  const was = settingText(value.was);
  const told =
    value.step === null ? t('config.was_no_step', { was }) : t('config.was', { step: value.step, was });
  return `${told}\n${key}`;
}

function line(label: Key, value: ConfigValue, show: (value: unknown) => string = settingText): Line {
  const known = value.value !== null && value.value !== undefined;
  const was = value.changed && value.was !== null && value.was !== undefined ? settingText(value.was) : null;
  return { label, text: known ? show(value.value) : UNKNOWN, title: sourceText(value), was };
}

/** All weights, and those that are trained where not all are. */
function parametersText(all: number, model: ConfigSnapshot['model']): string {
  const trained = model.trainable_parameters.value;
  if (typeof trained !== 'number' || trained === all) return compact(all);
  return t('config.trained', { all: compact(all), trained: compact(trained) });
}

export function groups(snapshot: ConfigSnapshot): Group[] {
  const { model, training, optimization, checkpointing } = snapshot;
  return [
    {
      title: 'config.model',
      lines: [
        line('config.name', model.name),
        line('config.experts', model.experts, experts =>
          model.active_experts.value === null
            ? settingText(experts)
            : t('config.experts_active', {
                experts: settingText(experts),
                active: settingText(model.active_experts.value),
              }),
        ),
        line('config.parameters', model.parameters, value => parametersText(value as number, model)),
        ...(model.adapter.value === null ? [] : [line('config.adapter', model.adapter)]),
      ],
    },
    {
      title: 'config.batch',
      lines: [
        line('config.per_device', training.batch_size),
        line('config.accumulation', training.gradient_accumulation, value =>
          Number(training.world_size.value) > 1
            ? t('config.devices', { n: settingText(value), devices: settingText(training.world_size.value) })
            : settingText(value),
        ),
        line('config.effective', training.effective_batch),
      ],
    },
    {
      title: 'config.rate',
      lines: [
        line(
          optimization.schedule.value === 'constant' ? 'config.constant' : 'config.peak',
          optimization.learning_rate,
        ),
        line('config.schedule', optimization.schedule, value => String(value).replaceAll('_', ' ')),
        warmup(optimization),
      ],
    },
    {
      title: 'config.optimizer',
      lines: [
        line('config.type', optimization.optimizer),
        betas(optimization),
        line('config.weight_decay', optimization.weight_decay),
      ],
    },
    {
      title: 'config.training',
      lines: [
        line('config.max_length', training.max_length, n => t('config.tokens', { n: settingText(n) })),
        line('config.precision', training.precision),
        line('config.seed', training.seed, String),
      ],
    },
    {
      title: 'config.cadence',
      lines: [
        saves(checkpointing),
        cadence('config.validation', {
          steps: checkpointing.validation_steps,
          epoch: checkpointing.validation_each_epoch,
        }),
      ],
    },
  ];
}

function warmup({ warmup_steps, warmup_ratio }: ConfigSnapshot['optimization']): Line {
  if (warmup_steps.value === null && warmup_ratio.value !== null)
    return line('config.warmup', warmup_ratio, share => `${exact(Number(share) * 100)} %`);
  return line('config.warmup', warmup_steps, n => t('config.steps', { n: settingText(n) }));
}

function betas({ betas: pair, epsilon }: ConfigSnapshot['optimization']): Line {
  const known = pair.value !== null || epsilon.value !== null;
  const made = line('config.betas', pair);
  return known ? { ...made, text: `${settingText(pair.value)}; ${settingText(epsilon.value)}` } : made;
}

/** How often it is saved without being asked. */
export function saves({ every_minutes, every_steps, each_epoch }: ConfigSnapshot['checkpointing']): Line {
  return cadence('config.checkpoint', { minutes: every_minutes, steps: every_steps, epoch: each_epoch });
}

/** Every N minutes, every N steps, at each epoch: those that are on; `never` only where somebody said so. */
function cadence(label: Key, given: { minutes?: ConfigValue; steps: ConfigValue; epoch: ConfigValue }): Line {
  const parts: [ConfigValue, string][] = [];
  const on = (value?: ConfigValue): value is ConfigValue =>
    typeof value?.value === 'number' && value.value > 0;
  if (on(given.minutes))
    parts.push([given.minutes, t('config.every_minutes', { n: settingText(given.minutes.value) })]);
  if (on(given.steps))
    parts.push([given.steps, t('config.every_steps', { n: settingText(given.steps.value) })]);
  if (given.epoch.value === true) parts.push([given.epoch, t('config.each_epoch')]);
  const all = [given.minutes, given.steps, given.epoch].filter(value => value !== undefined);
  const changed = all.find(value => value.changed);
  const title = all.map(sourceText).filter(Boolean).join('\n');
  const off = all.some(value => value.value === 0 || value.value === false);
  const text = parts.map(([, words]) => words).join(', ') || (off ? t('config.never') : UNKNOWN);
  return { label, text, title, was: changed ? settingText(changed.was) : null };
}
