/** The bars of the memory figure. Amber and red only near failure: a training fills its GPU on purpose. */
import { bytes, percent } from '../format';
import { t } from '../i18n/index.svelte';
import type { GpuSample, MemoryUse, SystemSample } from '../wire/generated';

export interface Bar {
  label: string;
  /** Parts of the whole, 0..1. */
  run: number;
  others: number;
  /** null: there is no such thing here, `text` says so. */
  total: number | null;
  tone: '' | 'warn' | 'bad';
  text: string;
  detail: string;
}

const RAM_LIMITS = { warn: 0.7, bad: 0.85 };
const GPU_LIMITS = { warn: 0.9, bad: 0.97 };

export function toneOfUse(part: number, limits: { warn: number; bad: number }): Bar['tone'] {
  if (part > limits.bad) return 'bad';
  return part > limits.warn ? 'warn' : '';
}

export function machineRows(sample: SystemSample): Bar[] {
  const gpus = sample.gpus?.length ? sample.gpus.map(gpuBar) : [absent('GPU', t('memory.no_gpu'))];
  return [
    ...gpus,
    memoryBar(t('machine.ram'), sample.ram, sample.group?.rss ?? 0, true),
    sample.swap.total > 0
      ? memoryBar(t('machine.swap'), sample.swap, 0, false)
      : absent(t('machine.swap'), '—'),
    cpuBar(sample),
  ];
}

function gpuBar(gpu: GpuSample): Bar {
  const label = t('memory.gpu', { index: gpu.index });
  if (gpu.memory_total == null) return absent(label, '—');
  const mine = gpu.memory_run ?? 0;
  const others = gpu.memory_others ?? 0;
  const total = gpu.memory_total;
  return {
    label,
    run: mine / total,
    others: others / total,
    total,
    tone: toneOfUse((mine + others) / total, GPU_LIMITS),
    text: t('memory.value', { used: bytes(mine + others), total: bytes(total) }),
    detail: `${gpu.name}: ${t('memory.this_run')} ${bytes(gpu.memory_run)}, ${t('memory.others')} ${bytes(gpu.memory_others)}`,
  };
}

function memoryBar(label: string, use: MemoryUse, mine: number, judged: boolean): Bar {
  const own = Math.min(mine, use.used);
  return {
    label,
    run: own / use.total,
    others: (use.used - own) / use.total,
    total: use.total,
    tone: judged ? toneOfUse(use.used / use.total, RAM_LIMITS) : '',
    text: t('memory.value', { used: bytes(use.used), total: bytes(use.total) }),
    detail: mine
      ? `${t('memory.this_run')} ${bytes(own)}, ${t('memory.others')} ${bytes(use.used - own)}, ${t('memory.free')} ${bytes(use.total - use.used)}`
      : `${t('memory.free')} ${bytes(use.total - use.used)}`,
  };
}

function cpuBar(sample: SystemSample): Bar {
  return {
    label: t('machine.cpu'),
    run: 0,
    others: sample.cpu / 100,
    total: 100,
    tone: '',
    text: percent(sample.cpu, 0),
    detail: sample.group
      ? `${t('memory.this_run')} ${percent(sample.group.cpu, 0)} / 1 CPU`
      : percent(sample.cpu, 0),
  };
}

function absent(label: string, text: string): Bar {
  return { label, run: 0, others: 0, total: null, tone: '', text, detail: text };
}
