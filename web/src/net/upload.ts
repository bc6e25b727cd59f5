/** A file on its way to the server, with how much of it has gone: fetch does not tell. Upstream: a person's file. Downstream: the datasets' store. */
import type { Problem } from '../wire/generated';
import { ApiError, NetworkError } from './api';
import { apiUrl, type Query } from './base';

/** Send a file as the body of a POST; aborting the signal breaks it off. */
export function upload<T>(
  path: string,
  query: Record<string, Query>,
  file: Blob,
  onsent: (bytes: number) => void,
  signal: AbortSignal,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', apiUrl(path, query));
    request.responseType = 'json';
    request.setRequestHeader('accept', 'application/json');
    request.setRequestHeader('content-type', 'application/octet-stream');
    request.upload.onprogress = event => onsent(event.loaded);
    request.onload = () => {
      const answer: unknown = request.response;
      if (request.status < 300) resolve(answer as T);
      else reject(new ApiError(request.status, (answer ?? {}) as Partial<Problem>));
    };
    request.onerror = () => reject(new NetworkError('upload'));
    request.onabort = () => reject(new DOMException('Broken off', 'AbortError'));
    signal.addEventListener('abort', () => request.abort());
    request.send(file);
  });
}
