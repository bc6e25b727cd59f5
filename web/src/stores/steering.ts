/** Steering that is no command: resume, fork, the config file. Upstream: dialogs. Downstream: the server's routes. */
import { get, post, put } from '../net/api';
import type {
  ConfigDiff,
  ConfigUpdate,
  ForkRequest,
  ResumePreview,
  ResumeRequest,
  StartAnswer,
} from '../wire/generated';

/** Go on with this run as a new attempt, or begin another run from its checkpoint. */
export type Departure = 'resume' | 'fork';

const path = (runId: string, rest: string): string => `runs/${encodeURIComponent(runId)}/${rest}`;

/** What it would do; nothing happens yet. */
export function preview(
  runId: string,
  kind: Departure,
  request: ResumeRequest | ForkRequest,
  signal?: AbortSignal,
): Promise<ResumePreview> {
  return post<ResumePreview>(path(runId, `${kind}?preview=true`), request, signal);
}

export function depart(
  runId: string,
  kind: Departure,
  request: ResumeRequest | ForkRequest,
): Promise<StartAnswer> {
  return post<StartAnswer>(path(runId, kind), request);
}

export function readDiff(runId: string, signal?: AbortSignal): Promise<ConfigDiff> {
  return get<ConfigDiff>(path(runId, 'config/diff'), {}, signal);
}

/** Write the run's config file; a 422 names line and key. */
export function writeConfig(runId: string, text: string): Promise<ConfigDiff> {
  return put<ConfigDiff>(path(runId, 'config'), { text } satisfies ConfigUpdate);
}
