/** The bars of the memory figure. Amber and red only near failure: a training fills its GPU on purpose. Upstream: the newest machine sample. Downstream: the memory figure, its dialog. */
import type { Look } from '../charts/look';
import type { Scene, Shape } from '../charts/scene';
import { bytes, integer, percent, UNKNOWN } from '../format';
import { t } from '../i18n/index.svelte';
import type { GpuSample, MemoryUse, SystemSample } from '../wire/generated';

/** Bytes, or percent for the processor. `mine` is null where nobody knows whose it is. */
export interface Use {
  used: number;
  mine: number | null;
  total: number;
}

export interface Bar {
  id: string;
  label: string;
  /** null: there is no such thing here, or nobody can tell; `text` says which. */
  use: Use | null;
  tone: '' | 'warn' | 'bad';
  text: string;
  detail: string;
  /** The detail to the last byte, for who points at the bar. */
  exact: string;
  /** The same of another sample. */
  of: (sample: SystemSample) => Use | null;
}

const RAM_LIMITS = { warn: 0.7, bad: 0.85 };
const GPU_LIMITS = { warn: 0.9, bad: 0.97 };

function toneOfUse(part: number, limits: { warn: number; bad: number }): Bar['tone'] {
  if (part > limits.bad) return 'bad';
  return part > limits.warn ? 'warn' : '';
}

export function machineRows(sample: SystemSample): Bar[] {
  const gpus = sample.gpus?.length ? sample.gpus.map(gpuBar) : [absent('gpu', 'GPU', t('memory.no_gpu'))];
  return [...gpus, ramBar(sample), swapBar(sample), cpuBar(sample)];
}

export function gpuUse(gpu: GpuSample | undefined): Use | null {
  if (gpu?.memory_total == null || gpu.memory_run == null || gpu.memory_others == null) return null;
  const used = gpu.memory_run + gpu.memory_others;
  return { used, mine: gpu.memory_run, total: gpu.memory_total };
}

function memoryUse(use: MemoryUse, mine: number | null): Use | null {
  if (!(use.total > 0)) return null;
  return { used: use.used, mine: mine === null ? null : Math.min(mine, use.used), total: use.total };
}

function gpuBar(gpu: GpuSample): Bar {
  const label = t('memory.gpu', { index: gpu.index });
  const use = gpuUse(gpu);
  const of = (sample: SystemSample) => gpuUse(sample.gpus?.find(one => one.index === gpu.index));
  if (!use) return { ...absent(`gpu${gpu.index}`, label, UNKNOWN), of };
  return {
    id: `gpu${gpu.index}`,
    label,
    use,
    tone: toneOfUse(use.used / use.total, GPU_LIMITS),
    text: t('memory.value', { used: bytes(use.used), total: bytes(use.total) }),
    detail: `${gpu.name}: ${partsOf(use)}`,
    exact: `${gpu.name}: ${partsOf(use, toTheByte)}`,
    of,
  };
}

function ramBar(sample: SystemSample): Bar {
  const of = (one: SystemSample) => memoryUse(one.ram, one.group?.rss ?? null);
  return memoryBar('ram', t('machine.ram'), of, sample, true);
}

function swapBar(sample: SystemSample): Bar {
  const of = (one: SystemSample) => memoryUse(one.swap, null);
  return memoryBar('swap', t('machine.swap'), of, sample, false);
}

function memoryBar(id: string, label: string, of: Bar['of'], sample: SystemSample, judged: boolean): Bar {
  const use = of(sample);
  if (!use) return { ...absent(id, label, id === 'swap' ? t('memory.no_swap') : UNKNOWN), of };
  return {
    id,
    label,
    use,
    tone: judged ? toneOfUse(use.used / use.total, RAM_LIMITS) : '',
    text: t('memory.value', { used: bytes(use.used), total: bytes(use.total) }),
    detail: partsOf(use),
    exact: partsOf(use, toTheByte),
    of,
  };
}

const toTheByte = (value: number): string => t('memory.bytes', { n: integer(value) });

/** This run, others and free, in words. */
function partsOf({ used, mine, total }: Use, size: (value: number) => string = bytes): string {
  const free = `${t('memory.free')} ${size(total - used)}`;
  if (mine === null) return `${t('memory.used')} ${size(used)}, ${free}`;
  return `${t('memory.this_run')} ${size(mine)}, ${t('memory.others')} ${size(used - mine)}, ${free}`;
}

/** In percent of the whole machine; a sample of an older supervisor does not tell the run's part. */
function cpuUse({ cpu, group }: SystemSample): Use {
  return {
    used: cpu,
    mine: group?.cpu_machine == null ? null : Math.min(group.cpu_machine, cpu),
    total: 100,
  };
}

function cpuBar(sample: SystemSample): Bar {
  const { group } = sample;
  const use = cpuUse(sample);
  const whose = group
    ? t('memory.run_cpu', {
        part: percent(use.mine, 0),
        percent: percent(group.cpu, 0),
        n: group.processes,
      })
    : percent(sample.cpu, 0);
  return {
    id: 'cpu',
    label: t('machine.cpu'),
    use,
    tone: '',
    text: percent(sample.cpu, 0),
    detail: whose,
    exact: whose,
    of: cpuUse,
  };
}

function absent(id: string, label: string, text: string): Bar {
  return { id, label, use: null, tone: '', text, detail: text, exact: text, of: () => null };
}

/** The bars as a picture. */
export function memoryScene(rows: readonly Bar[], title: string, look: Look): Scene {
  const [width, left, tall, right] = [960, 96, 40, 200];
  const inner = width - left - right - 24;
  const colours = { '': look.accent, warn: look.warn, bad: look.bad };
  const shapes: Shape[] = [
    { kind: 'text', x: 24, y: 34, text: title, colour: look.text, size: 16, weight: 600 },
    { kind: 'box', x: left, y: 48, width: 10, height: 10, fill: look.accent },
    { kind: 'text', x: left + 16, y: 57, text: t('memory.this_run'), colour: look.text, size: 12 },
    { kind: 'box', x: left + 120, y: 48, width: 10, height: 10, fill: look.faint, opacity: 0.55 },
    { kind: 'text', x: left + 136, y: 57, text: t('memory.others'), colour: look.text, size: 12 },
  ];
  rows.forEach((row, i) => {
    const y = 80 + i * tall;
    shapes.push(
      { kind: 'text', x: left - 12, y: y + 15, text: row.label, colour: look.text, size: 12, anchor: 'end' },
      {
        kind: 'text',
        x: row.use ? width - 24 : left,
        y: y + 15,
        text: row.text,
        colour: row.use ? look.text : look.faint,
        size: 12,
        anchor: row.use ? 'end' : 'start',
      },
    );
    if (!row.use) return;
    const { used, mine, total } = row.use;
    const own = ((mine ?? 0) / total) * inner;
    const bar = { y, height: 20 };
    shapes.push(
      {
        kind: 'box',
        x: left,
        ...bar,
        width: inner,
        fill: look.grid,
        radius: 3,
        name: `${row.label}: ${row.detail}`,
      },
      { kind: 'box', x: left, ...bar, width: own, fill: colours[row.tone] },
      {
        kind: 'box',
        x: left + own,
        ...bar,
        width: (used / total) * inner - own,
        fill: row.tone ? colours[row.tone] : look.faint,
        opacity: 0.55,
      },
    );
  });
  const height = 80 + rows.length * tall + 16;
  return { width, height, ground: look.panel, face: look.face, title, shapes };
}
