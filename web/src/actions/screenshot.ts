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
    onCloneEachNode: settle,
    filter: node => !(node instanceof Element && node.matches(OVER)),
  });
  const name = nameOf(subject, new Date());
  download(blob, name);
  return name;
}

/** What the copy of an element needs besides its looks. */
function settle(copy: Node): void {
  if (!(copy instanceof HTMLElement)) return;
  const { style } = copy;
  // What stands at the lower edge of the window stands at the lower edge of the picture.
  if (style.position === 'fixed') {
    style.position = 'absolute';
    if (style.bottom === '0px')
      for (const name of ['top', 'inset-block-start']) style.setProperty(name, 'auto');
  }
  // What sticks stands where it belongs; nor is it what the fixed ones in it are placed by.
  if (style.position === 'sticky') style.position = 'static';
  // A row measured to the pixel would wrap its last item for a hundredth of one.
  if (style.flexWrap === 'wrap' && style.width.endsWith('px'))
    for (const name of ['width', 'inline-size'])
      style.setProperty(name, `${Math.ceil(parseFloat(style.width)) + 1}px`);
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
