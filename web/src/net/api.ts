/** The HTTP half of the contract: typed answers, and problem+json as errors that say what to do next. Upstream: the server. Downstream: stores. */
import type { Problem } from '../wire/generated';
import { apiUrl, baseUrl, type Query } from './base';

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly problem: Partial<Problem>,
  ) {
    super(problem.detail || problem.title || `HTTP ${status}`);
    this.name = 'ApiError';
  }

  get code(): string {
    return this.problem.code ?? 'http';
  }

  get hint(): string | null {
    return this.problem.hint ?? null;
  }

  /** One line for each wrong field of a 422, but for what the message itself says. */
  get fields(): string[] {
    return (this.problem.errors ?? [])
      .map(error => {
        const place = Array.isArray(error.loc)
          ? error.loc.filter(part => part !== 'body').join('.')
          : error.field;
        const told = String(error.msg ?? error.message ?? '');
        return this.message.includes(told) && told ? '' : [place, told].filter(Boolean).join(': ');
      })
      .filter(Boolean);
  }
}

/** The server could not be reached at all. */
export class NetworkError extends Error {
  override readonly name = 'NetworkError';
}

/** Characters of a body that is sent though the page is left: browsers bound all such bodies under way to 64 KiB of UTF-8. */
const MOST_KEPT_ALIVE = 4096;

const listeners = new Set<(serverTime: number) => void>();

/** Hear the server's clock (Unix seconds, whole) with every answer. */
export function onServerTime(listener: (serverTime: number) => void): void {
  listeners.add(listener);
}

let tellSignedOut: (() => void) | null = null;
/** What the server said when it knew nobody here any more: who asks again and again hears it from here, until somebody signs in. */
let signedOut: ApiError | null = null;
/** How often the server has told who is signed in: its refusal of what was sent before is about a cookie of then. */
let greetings = 0;

/** Hear that the server knows nobody here any more: instead of the page to sign in, for something may be typed on this one. */
export function onSignedOut(listener: () => void): void {
  tellSignedOut = listener;
}

async function send(url: URL, init: RequestInit): Promise<Response> {
  const asksWho = url.pathname === apiUrl('session').pathname;
  if (signedOut && !asksWho) throw signedOut;
  const before = greetings;
  let response: Response;
  try {
    response = await fetch(url, { credentials: 'same-origin', ...init });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new NetworkError(String(error));
  }
  const date = Date.parse(response.headers.get('date') ?? '');
  if (!Number.isNaN(date)) for (const listener of listeners) listener(date / 1000);
  if (response.ok) {
    if (asksWho) {
      signedOut = null;
      greetings += 1;
    }
    return response;
  }
  const refused = new ApiError(response.status, await problemOf(response));
  if (response.status === 401 && before === greetings) {
    signedOut = refused;
    tellSignedOut?.();
  }
  throw refused;
}

async function problemOf(response: Response): Promise<Partial<Problem>> {
  try {
    return (await response.json()) as Partial<Problem>;
  } catch {
    return { title: response.statusText || `HTTP ${response.status}` };
  }
}

export async function get<T>(
  path: string,
  query: Record<string, Query> = {},
  signal?: AbortSignal,
): Promise<T> {
  const response = await send(apiUrl(path, query), {
    headers: { accept: 'application/json' },
    signal: signal ?? null,
  });
  return (await response.json()) as T;
}

async function write<T>(method: string, path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  const text = JSON.stringify(body);
  const response = await send(apiUrl(path), {
    method,
    headers: { accept: 'application/json', 'content-type': 'application/json' },
    body: text,
    // Whoever gives a command and leaves the page at once has given it.
    keepalive: text.length <= MOST_KEPT_ALIVE,
    signal: signal ?? null,
  });
  return (response.status === 204 ? null : await response.json()) as T;
}

export function post<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  return write<T>('POST', path, body, signal);
}

export function put<T>(path: string, body: unknown): Promise<T> {
  return write<T>('PUT', path, body);
}

export function patch<T>(path: string, body: unknown): Promise<T> {
  return write<T>('PATCH', path, body);
}

/** Take this browser's cookie away, then show where one signs in. */
export async function signOut(): Promise<void> {
  await send(apiUrl('session'), { method: 'DELETE', keepalive: true });
  location.assign(new URL('login', baseUrl()));
}

/** Sign in without leaving the page: true, or false for what is wrong, or the seconds to wait. */
export async function signIn(fields: Record<string, string>): Promise<boolean | number> {
  let answer: Response;
  try {
    const body = new URLSearchParams(fields);
    answer = await fetch(new URL('login', baseUrl()), { method: 'POST', body, redirect: 'manual' });
  } catch (error) {
    throw new NetworkError(String(error));
  }
  // Who is let in is sent on to the page, which is this one.
  if (answer.type === 'opaqueredirect') return true;
  return answer.status === 429 ? Number(answer.headers.get('retry-after') ?? 1) : false;
}

/** The answer itself, its body still to be read. */
export function fetchAnswer(url: URL, init: RequestInit): Promise<Response> {
  return send(url, init);
}

export async function remove(path: string): Promise<void> {
  await send(apiUrl(path), { method: 'DELETE', keepalive: true });
}

/** Take away what is still of that `version`, and tell what became of it. */
export async function erase<T>(path: string, version?: string | null): Promise<T> {
  const headers = { accept: 'application/json', ...(version ? { 'if-match': `"${version}"` } : {}) };
  const response = await send(apiUrl(path), { method: 'DELETE', headers, keepalive: true });
  return (await response.json()) as T;
}

export interface Bytes {
  data: Uint8Array;
  /** Offset of the first byte in the whole file. */
  offset: number;
  /** Size of the whole file when it was read. */
  total: number;
}

/** Raw bytes with their place in the file, from `Content-Range: bytes 10-19/200`. */
export async function getBytes(
  path: string,
  query: Record<string, Query>,
  signal?: AbortSignal,
): Promise<Bytes> {
  const response = await send(apiUrl(path, query), { signal: signal ?? null });
  const data = new Uint8Array(await response.arrayBuffer());
  const range = parseRange(response.headers.get('content-range'));
  return { data, offset: range?.offset ?? 0, total: range?.total ?? data.length };
}

function parseRange(header: string | null): { offset: number; total: number } | null {
  const found = /^bytes (?:(\d+)-\d+|\*)\/(\d+)$/.exec(header ?? '');
  if (!found) return null;
  const total = Number(found[2]);
  return { offset: found[1] === undefined ? total : Number(found[1]), total };
}
