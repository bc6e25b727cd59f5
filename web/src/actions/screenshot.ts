/** The whole page as a PNG, from top to bottom, drawn in the browser itself; a chunk of its own. Upstream: the page as it is shown. Downstream: a downloaded file. */
import { domToBlob } from 'modern-screenshot';

/** A browser draws no larger picture; a taller page comes at a smaller scale. */
const LONGEST_SIDE = 16_000;
/** What lies over the page is not a part of it. */
const OVER = 'dialog, [popover], .skip, [data-over]';
const WAITED_MS = 10_000;

/** Returns the name of the file. */
export async function saveScreenshot(subject: string): Promise<string> {
  const page = document.documentElement;
  const [width, height] = [page.clientWidth, page.scrollHeight];
  await document.fonts.ready;
  const blob = await domToBlob(document.body, {
    width,
    height,
    scale: Math.min(devicePixelRatio, LONGEST_SIDE / Math.max(width, height)),
    backgroundColor: getComputedStyle(page).backgroundColor,
    timeout: WAITED_MS,
    // The copy is a document of its own: it would give the body a margin, and what is fixed the old window.
    style: { margin: '0', position: 'relative' },
    onCloneEachNode: lowerToTheEnd,
    filter: node => !(node instanceof Element && node.matches(OVER)),
  });
  const name = nameOf(subject, new Date());
  download(blob, name);
  return name;
}

/** What stands at the lower edge of the window stands at the lower edge of the picture. */
function lowerToTheEnd(copy: Node): void {
  if (!(copy instanceof HTMLElement) || copy.style.position !== 'fixed') return;
  copy.style.position = 'absolute';
  if (copy.style.bottom === '0px') copy.style.top = 'auto';
}

/** `tiny-moe-20261122-181502.png`: sorted by time, and a name for any file system. */
export function nameOf(subject: string, at: Date): string {
  const plain =
    subject
      .normalize('NFC')
      .replace(/[^\p{L}\p{N}._-]+/gu, '-')
      .slice(0, 80) || 'console';
  const two = (number: number): string => String(number).padStart(2, '0');
  const date = `${at.getFullYear()}${two(at.getMonth() + 1)}${two(at.getDate())}`;
  return `${plain}-${date}-${two(at.getHours())}${two(at.getMinutes())}${two(at.getSeconds())}.png`;
}

function download(blob: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The download has begun with the click; its address is needed a moment longer.
  setTimeout(() => URL.revokeObjectURL(link.href), WAITED_MS);
}
