/** Where the page lives. The server writes its base path into <base href>; everything is relative to it. Upstream: the server. Downstream: requests, routes. */
export function baseUrl(): URL {
  return new URL('.', document.baseURI);
}

export function apiUrl(path: string, query: Record<string, Query> = {}): URL {
  const url = new URL(`api/v1/${path}`, baseUrl());
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value])
      if (one !== undefined && one !== null) url.searchParams.append(name, String(one));
  }
  return url;
}

export type Query = string | number | boolean | null | undefined | readonly string[];

export function socketUrl(): URL {
  const url = apiUrl('stream');
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return url;
}
