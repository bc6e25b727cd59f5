import { strFromU8, strToU8, unzipSync, zipSync } from 'fflate';
import { expect, test } from 'vitest';
import { added, archiveOf, chartFiles } from './archive';

const picture = (name: string) => ({
  name,
  png: () => Promise.resolve(new Blob([Uint8Array.of(1, 2, 3)])),
  svg: () => `<svg>${name}</svg>`,
  csv: () => '',
});

async function unpacked(blob: Blob): Promise<Record<string, string>> {
  const files = unzipSync(new Uint8Array(await blob.arrayBuffer()));
  return Object.fromEntries(Object.entries(files).map(([name, data]) => [name, strFromU8(data)]));
}

test('pictures are files with names that every system takes, none twice', async () => {
  const files = await chartFiles([picture('Loss'), picture('eval/loss'), picture('eval:loss')], {
    png: true,
    svg: true,
  });
  expect(Object.keys(files)).toEqual([
    'charts/Loss.png',
    'charts/Loss.svg',
    'charts/eval-loss.png',
    'charts/eval-loss.svg',
    'charts/eval-loss 2.png',
    'charts/eval-loss 2.svg',
  ]);
  expect(await unpacked(archiveOf(files))).toMatchObject({ 'charts/Loss.svg': '<svg>Loss</svg>' });
});

test('files are added to an archive that stays as it was', async () => {
  const archive = new Blob([
    zipSync({ 'console.log': strToU8('log\n'.repeat(500)), 'metrics.csv': strToU8('step\n') }),
  ]);
  const files = await chartFiles([picture('Потери')], { png: false, svg: true });
  expect(await unpacked(await added(archive, files))).toEqual({
    'console.log': 'log\n'.repeat(500),
    'metrics.csv': 'step\n',
    'charts/Потери.svg': '<svg>Потери</svg>',
  });
});

test('an archive that broke off is told', async () => {
  await expect(added(new Blob(['PK nothing']), {})).rejects.toThrow('no whole archive');
});
