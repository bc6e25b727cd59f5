/** Files that leave the page: fetched with their progress, then given to the browser. Upstream: server. Downstream: exports. */
import { fetchAnswer } from './api';
import { apiUrl, type Query } from './base';

export interface Fetched {
  name: string;
  blob: Blob;
}

const KEPT_MS = 60_000;

/**
 * Fetch a file and tell how many bytes have come. The browser keeps it, on disk where it is large. Resolves to null when
 * there is more of it than `limit` bytes: then nothing is kept.
 */
export async function fetchFile(
  path: string,
  query: Record<string, Query>,
  options: { limit?: number; progress?: (bytes: number) => void; signal?: AbortSignal },
): Promise<Fetched | null> {
  const response = await fetchAnswer(apiUrl(path, query), { signal: options.signal ?? null });
  let count = 0;
  let tooLarge = false;
  const counted = response.body!.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        count += chunk.length;
        options.progress?.(count);
        if (count > (options.limit ?? Infinity)) {
          tooLarge = true;
          // Ends what was kept and, upstream, the request.
          controller.terminate();
        } else {
          controller.enqueue(chunk);
        }
      },
    }),
  );
  const blob = await new Response(counted).blob();
  return tooLarge ? null : { name: fileName(response.headers.get('content-disposition')), blob };
}

/** Let the browser fetch it by itself: whatever its size, nothing of it passes through the page. */
export function leaveToBrowser(path: string, query: Record<string, Query>): void {
  click(apiUrl(path, query).href, '');
}

/** Put a file where the browser puts downloads. */
export function download({ name, blob }: Fetched): void {
  const url = URL.createObjectURL(blob);
  click(url, name);
  setTimeout(() => URL.revokeObjectURL(url), KEPT_MS);
}

/** The same with a text of the page's own. */
export function saveText(name: string, text: string, type = 'text/plain'): void {
  download({ name, blob: new Blob([text], { type }) });
}

/** The name that the server gave: `attachment; filename="x.csv"; filename*=UTF-8''x.csv`. */
export function fileName(disposition: string | null): string {
  const encoded = /filename\*=UTF-8''([^;\s]+)/i.exec(disposition ?? '')?.[1];
  try {
    if (encoded) return decodeURIComponent(encoded);
  } catch {
    // A name that is not encoded right is told by the plain one.
  }
  return /filename="?([^";]+)"?/i.exec(disposition ?? '')?.[1] ?? 'export';
}

function click(href: string, name: string): void {
  const link = document.createElement('a');
  link.href = href;
  link.download = name;
  link.click();
}
