/** Steering that is no command: resume, fork, the config file. Upstream: dialogs. Downstream: the server's routes. */
import { get, post, put } from '../net/api';
import type {
  ConfigDiff,
  ConfigSchema,
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

/** What the file may say. */
export function readRules(runId: string): Promise<ConfigSchema> {
  return get<ConfigSchema>(path(runId, 'config/schema'));
}

/** Write the run's config file; a 422 names line and key, a 409 says that it is not `version` any more. */
export function writeConfig(runId: string, text: string, version: string | null): Promise<ConfigDiff> {
  return put<ConfigDiff>(path(runId, 'config'), { text, version } satisfies ConfigUpdate);
}
