/** What the buttons of a run do, say and refuse. Upstream: the run's store. Downstream: controls, header, dialogs. */
import { t } from '../i18n/index.svelte';
import { told } from '../i18n/told';
import { ApiError } from '../net/api';
import { isPaused } from '../state';
import {
  needsNewAttempt,
  noteOf,
  pauseOrResume,
  reasonAgainst,
  type Facts,
  type Note,
  type Situation,
  type Steering,
} from './actions';
import { clock } from './clock.svelte';
import { mayForce, type Group } from './commands';
import { Dialogs } from './dialogs.svelte';
import { failureOf, isFirstSeen } from './failure';
import { live } from './live.svelte';
import type { RunStore } from './run.svelte';
import { session } from './session.svelte';
import { openTensorBoard } from './tensorboard';
import { validationOf, type Validation } from './validation';

export class Helm {
  readonly dialogs = new Dialogs();
  #situation = $derived.by<Situation>(() => ({
    summary: this.run.summary,
    record: this.run.record,
    commands: this.run.orders.all,
    connected: !live.lost,
    now: clock.now,
  }));
  readonly toggle = $derived.by(() => pauseOrResume(this.run.summary, this.run.record));
  /** What went wrong, while it is so; null for a run that is well. */
  readonly failure = $derived.by(() => failureOf(this.run.summary, this.run.record));

  /** The stop that was asked for from this page: its end is told. */
  #stop = $state<string | null>(null);
  #board = $state<Note | null>(null);

  constructor(readonly run: RunStore) {}

  /** Why it cannot be done now; empty when it can. */
  reason(command: Steering, way?: string): string {
    const barred = session.reason('operator');
    if (barred) return barred;
    const reason = reasonAgainst(command, this.#situation, way);
    const resumable = this.run.record?.resumable;
    // A run that cannot go on has its pause button grey; what would help is said there.
    if (command === 'pause' && this.ended && resumable && !resumable.possible && resumable.reason)
      return told(resumable.reason);
    return reason;
  }

  /** Why its dialog cannot be opened: a dialog shows by itself what it waits for. */
  closed(command: Steering): string {
    return session.reason('operator') || reasonAgainst(command, { ...this.#situation, commands: [] });
  }

  note(group: Group): Note | null {
    void this.run.revision;
    const facts: Facts = {
      saving: this.run.saving,
      checkpoints: this.run.record?.checkpoints ?? [],
      since: (name, time) => {
        const series = this.run.series.get(name);
        return series && (series.lastTime ?? 0) >= time ? series.last : null;
      },
    };
    return noteOf(group, this.#situation, facts);
  }

  /** What the newest validation that somebody asked for has found; null before, and while another runs. Reads `run.revision`. */
  get validation(): Validation | null {
    void this.run.revision;
    const view = this.run.orders.latest('validate');
    const attempt = this.run.summary?.attempt ?? 0;
    if (view?.state !== 'applied' || (view.attempt ?? attempt) < attempt) return null;
    const split = view.args['split'] === 'test' ? 'test' : 'eval';
    return validationOf(this.run.series, split, view.issuedAt - 1, view.step);
  }

  get ended(): boolean {
    const summary = this.run.summary;
    return summary !== null && needsNewAttempt(summary);
  }

  /** Whether somebody meant to go on: a pause is waited for, an end is not. */
  get waits(): boolean {
    const summary = this.run.summary;
    return summary !== null && (isPaused(summary) || summary.state === 'released');
  }

  get mayForce(): boolean {
    return mayForce(this.run.orders.all, clock.now) && !this.ended && !live.lost;
  }

  pressToggle(): void {
    if (this.toggle === 'pause') this.pause('hold');
    else if (this.ended) this.dialogs.depart('resume');
    else this.run.orders.give('resume');
  }

  pause(mode: 'hold' | 'release'): void {
    this.run.orders.give('pause', { mode });
  }

  save(): void {
    this.run.orders.give('checkpoint');
  }

  validate(split: 'eval' | 'test'): void {
    this.run.orders.give('validate', { split });
  }

  stop(checkpoint: boolean): void {
    this.#stop = this.run.orders.give('stop', this.run.summary?.instrumented === false ? {} : { checkpoint });
  }

  /** Show what is worth a dialog by itself: a failure once, and the summary after a stop from here. Called when something changed. */
  showNews(): void {
    if (this.dialogs.asked !== null) return;
    const failure = this.failure;
    if (failure && isFirstSeen(this.run.id, failure.key)) this.dialogs.open({ dialog: 'failure' });
    else if (this.#stop !== null && this.ended && !failure) {
      this.#stop = null;
      this.dialogs.open({ dialog: 'summary' });
    }
  }

  /** Where opening TensorBoard stands; null when there is nothing to tell. */
  get board(): Note | null {
    return this.#board;
  }

  async openBoard(): Promise<void> {
    this.#board = { text: t('tensorboard.opening'), tone: 'busy' };
    try {
      await openTensorBoard(this.run.id);
      this.#board = null;
    } catch (error) {
      const hint = error instanceof ApiError && error.hint ? ` ${error.hint}` : '';
      this.#board = { text: (error as Error).message + hint, tone: 'bad' };
    }
  }

  /** End the process group by signal: what is left when the trainer does not listen. */
  force(): void {
    this.run.orders.give('terminate');
  }
}
