/** What became of the commands of a run: sending, requested, accepted, then applied or rejected. Only `applied` makes one true. */
import type { Ack, CommandRecord } from '../wire/generated';

export type CommandState = CommandRecord['state'] | 'sending' | 'not_sent';

export interface CommandView {
  /** Ours until the server has answered with its own. */
  id: string;
  command: string;
  issuedAt: number;
  state: CommandState;
  step: number | null;
  detail: string | null;
}

const RANK: Record<CommandState, number> = {
  sending: 0,
  requested: 1,
  timed_out: 1,
  outcome_unknown: 1,
  accepted: 2,
  applied: 3,
  rejected: 3,
  not_sent: 3,
};

export function fromRecord(record: CommandRecord): CommandView {
  return {
    id: record.command_id,
    command: record.command,
    issuedAt: record.issued_at,
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
      ? { ...view, state: ack.state, step: ack.step ?? null, detail: ack.detail ?? null }
      : view,
  );
}

export function isOpen(view: CommandView | undefined): boolean {
  return view !== undefined && ['sending', 'requested', 'accepted'].includes(view.state);
}
