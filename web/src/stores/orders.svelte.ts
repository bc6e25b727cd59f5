/** The commands of one run: given from here, answered by the trainer. Upstream: panels, acks. Downstream: the desk's HTTP routes. */
import { ApiError, post } from '../net/api';
import { uuid7 } from '../net/ids';
import type { Ack, CommandAnswer, CommandRecord, CommandRequest } from '../wire/generated';
import { clock } from './clock.svelte';
import { acknowledged, fromRecord, latest, merged, type CommandView, type Group } from './commands';

export class Orders {
  #views = $state.raw<CommandView[]>([]);

  constructor(readonly runId: string) {}

  /** Oldest first. */
  get all(): readonly CommandView[] {
    return this.#views;
  }

  get last(): CommandView | undefined {
    return this.#views.at(-1);
  }

  /** The newest command of one button. */
  latest(group: Group): CommandView | undefined {
    return latest(this.#views, group);
  }

  find(id: string | null): CommandView | undefined {
    return id === null ? undefined : this.#views.find(view => view.id === id);
  }

  /** Give a command; returns its id at once, what becomes of it shows in `all`. */
  give(command: string, args: Record<string, unknown> = {}): string {
    const view = this.#begin(command, args);
    const request: CommandRequest = { command, args, id: view.id };
    void this.#post(view, request);
    return view.id;
  }

  take(records: readonly CommandRecord[]): void {
    this.#views = merged(this.#views, records.map(fromRecord));
  }

  /** Take an answer; false when its command is not known here: another page or another program gave it. */
  acknowledge(ack: Ack): boolean {
    this.#views = acknowledged(this.#views, ack);
    return this.#views.some(view => view.id === ack.command_id);
  }

  #begin(command: string, args: Record<string, unknown>): CommandView {
    const now = clock.exact();
    const view: CommandView = {
      id: uuid7(now * 1000),
      command,
      args,
      issuedAt: now,
      changedAt: now,
      issuedBy: 'browser',
      attempt: null,
      state: 'sending',
      step: null,
      detail: null,
    };
    this.#views = merged(this.#views, [view]);
    return view;
  }

  async #post(view: CommandView, body: CommandRequest): Promise<void> {
    try {
      await post<CommandAnswer>(`runs/${encodeURIComponent(this.runId)}/commands`, body);
      this.#views = merged(this.#views, [{ ...view, state: 'requested' }]);
    } catch (error) {
      const hint = error instanceof ApiError && error.hint ? ` ${error.hint}` : '';
      const state = error instanceof ApiError ? 'rejected' : 'not_sent';
      this.#views = merged(this.#views, [{ ...view, state, detail: (error as Error).message + hint }]);
    }
  }
}
