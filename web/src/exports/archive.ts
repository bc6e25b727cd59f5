/** Pictures beside what the server packed, in one ZIP; a chunk of its own. Upstream: the server's archive, charts. Downstream: a file. */
import { strToU8, zipSync, type Zippable } from 'fflate';
import type { Picture } from '../charts/pictures';

export interface Kinds {
  png: boolean;
  svg: boolean;
}

const END = 0x06054b50;
const ENTRY = 0x02014b50;
const END_BYTES = 22;
const ENTRY_BYTES = 46;
const LONGEST_COMMENT = 65_535;

/** The pictures as files in `charts/`. PNG is packed already; SVG is text. */
export async function chartFiles(pictures: readonly Picture[], kinds: Kinds): Promise<Zippable> {
  const files: Zippable = {};
  for (const picture of pictures) {
    const name = freeName(files, plain(picture.name));
    if (kinds.png) files[`${name}.png`] = [await bytesOf(await picture.png()), { level: 0 }];
    if (kinds.svg) files[`${name}.svg`] = [strToU8(picture.svg()), { level: 6 }];
  }
  return files;
}

export function archiveOf(files: Zippable): Blob {
  return new Blob([zipSync(files) as Uint8Array<ArrayBuffer>], { type: 'application/zip' });
}

/**
 * The files added to an archive, which is neither unpacked nor read whole: its own part stays as it is, what is added
 * follows, then both tables of contents with the places of the second moved.
 */
export async function added(archive: Blob, files: Zippable): Promise<Blob> {
  const more = new Blob([zipSync(files) as Uint8Array<ArrayBuffer>]);
  const [first, second] = [await contents(archive), await contents(more)];
  const table = new Uint8Array(await more.slice(second.offset, second.offset + second.size).arrayBuffer());
  move(table, first.offset);
  const end = new Uint8Array(END_BYTES);
  const view = new DataView(end.buffer);
  const count = first.count + second.count;
  view.setUint32(0, END, true);
  view.setUint16(8, count, true);
  view.setUint16(10, count, true);
  view.setUint32(12, first.size + second.size, true);
  view.setUint32(16, first.offset + second.offset, true);
  return new Blob(
    [
      archive.slice(0, first.offset),
      more.slice(0, second.offset),
      archive.slice(first.offset, first.offset + first.size),
      table,
      end,
    ],
    { type: 'application/zip' },
  );
}

/** Where an archive's table of contents is. */
async function contents(archive: Blob): Promise<{ offset: number; size: number; count: number }> {
  const from = Math.max(0, archive.size - END_BYTES - LONGEST_COMMENT);
  const view = new DataView(await archive.slice(from).arrayBuffer());
  for (let at = view.byteLength - END_BYTES; at >= 0; at--) {
    if (view.getUint32(at, true) !== END) continue;
    return {
      count: view.getUint16(at + 10, true),
      size: view.getUint32(at + 12, true),
      offset: view.getUint32(at + 16, true),
    };
  }
  throw new Error('The server sent no whole archive.');
}

function move(table: Uint8Array, by: number): void {
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  let at = 0;
  while (at + ENTRY_BYTES <= table.length && view.getUint32(at, true) === ENTRY) {
    view.setUint32(at + 42, view.getUint32(at + 42, true) + by, true);
    at +=
      ENTRY_BYTES +
      view.getUint16(at + 28, true) +
      view.getUint16(at + 30, true) +
      view.getUint16(at + 32, true);
  }
}

function plain(name: string): string {
  return `charts/${name.replace(/[^\p{L}\p{N} ._-]+/gu, '-').replace(/^[ .-]+|[ .-]+$/g, '') || 'chart'}`;
}

function freeName(files: Zippable, name: string): string {
  const taken = (one: string): boolean => `${one}.png` in files || `${one}.svg` in files;
  let free = name;
  for (let n = 2; taken(free); n++) free = `${name} ${n}`;
  return free;
}

async function bytesOf(blob: Blob): Promise<Uint8Array> {
  return new Uint8Array(await blob.arrayBuffer());
}
