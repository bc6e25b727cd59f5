/** What became of the commands of a run: sending, requested, accepted, then applied or rejected. Only `applied` makes one true. Upstream: the record, acks. Downstream: orders, panels. */
import type { Ack, CommandRecord } from '../wire/generated';

export type CommandState = CommandRecord['state'] | 'sending' | 'not_sent';

export interface CommandView {
  /** Ours until the server has answered with its own. */
  id: string;
  command: string;
  args: Record<string, unknown>;
  issuedAt: number;
  /** When it came to its state. */
  changedAt: number;
  /** The interface that it came from. */
  issuedBy: string;
  /** The attempt that it was meant for; null until the server has said so. */
  attempt: number | null;
  state: CommandState;
  step: number | null;
  detail: string | null;
}

/** Seconds without an answer after which `requested` is shown as timed out; a late answer still wins. */
const TIMED_OUT_AFTER = 30;
/** Seconds without `accepted` after which a stop may be forced. */
const FORCE_AFTER = 10;

const RANK: Record<CommandState, number> = {
  sending: 0,
  requested: 1,
  timed_out: 1,
  outcome_unknown: 2,
  accepted: 2,
  applied: 3,
  rejected: 3,
  not_sent: 3,
};

/** Commands of one button: a signal does for a program what the command does for a trainer. */
const GROUPS = {
  pause: ['pause', 'resume', 'suspend', 'continue'],
  stop: ['stop', 'terminate'],
  checkpoint: ['checkpoint'],
  validate: ['validate'],
  set: ['set'],
  reload_config: ['reload_config'],
} as const satisfies Record<string, readonly string[]>;

export type Group = keyof typeof GROUPS;

export function fromRecord(record: CommandRecord): CommandView {
  return {
    id: record.command_id,
    command: record.command,
    args: record.args,
    issuedAt: record.issued_at,
    changedAt: record.acks.at(-1)?.time ?? record.issued_at,
    issuedBy: record.issued_by,
    attempt: record.attempt,
    state: record.state,
    step: record.step,
    detail: record.detail,
  };
}

/** The newest knowledge of each command, oldest command first. A later state never gives way to an earlier one. */
export function merged(known: readonly CommandView[], news: readonly CommandView[]): CommandView[] {
  const views = new Map(known.map(view => [view.id, view]));
  for (const view of news) {
    const old = views.get(view.id);
    if (!old || RANK[view.state] >= RANK[old.state]) views.set(view.id, view);
  }
  return [...views.values()].sort((a, b) => a.issuedAt - b.issuedAt);
}

/** `views` after an ack; an ack of a command that this page did not see is left to the next record. */
export function acknowledged(views: readonly CommandView[], ack: Ack): CommandView[] {
  return views.map(view =>
    view.id === ack.command_id && RANK[ack.state] > RANK[view.state]
      ? { ...view, state: ack.state, step: ack.step ?? null, detail: ack.detail ?? null, changedAt: ack.time }
      : view,
  );
}

/** Its state as of `now` (Unix seconds): a request that nobody took in time is shown as such. */
export function stateAt(view: CommandView, now: number): CommandState {
  return view.state === 'requested' && now - view.issuedAt > TIMED_OUT_AFTER ? 'timed_out' : view.state;
}

export function isOpen(view: CommandView | undefined, now: number = 0): boolean {
  return view !== undefined && ['sending', 'requested', 'accepted'].includes(stateAt(view, now));
}

/** The newest command of one button. */
export function latest(views: readonly CommandView[], group: Group): CommandView | undefined {
  const names: readonly string[] = GROUPS[group];
  return views.findLast(view => names.includes(view.command));
}

/** Whether to offer the signal: the newest stop found no trainer that took it, and none was sent yet. */
export function mayForce(views: readonly CommandView[], now: number): boolean {
  const last = latest(views, 'stop');
  if (last?.command !== 'stop' || !['requested', 'timed_out'].includes(last.state)) return false;
  return now - last.issuedAt >= FORCE_AFTER;
}
