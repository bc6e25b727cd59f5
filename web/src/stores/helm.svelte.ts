/** What the buttons of a run do, say and refuse. Upstream: the run's store. Downstream: controls, header, dialogs. */
import { told } from '../i18n/told';
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
import { live } from './live.svelte';
import type { RunStore } from './run.svelte';

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

  constructor(readonly run: RunStore) {}

  /** Why it cannot be done now; empty when it can. */
  reason(command: Steering, way?: string): string {
    const reason = reasonAgainst(command, this.#situation, way);
    const resumable = this.run.record?.resumable;
    // A run that cannot go on has its pause button grey; what would help is said there.
    if (command === 'pause' && this.ended && resumable && !resumable.possible && resumable.reason)
      return told(resumable.reason);
    return reason;
  }

  /** Why its dialog cannot be opened: a dialog shows by itself what it waits for. */
  closed(command: Steering): string {
    return reasonAgainst(command, { ...this.#situation, commands: [] });
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
    this.run.orders.give('stop', this.run.summary?.instrumented === false ? {} : { checkpoint });
  }

  /** End the process group by signal: what is left when the trainer does not listen. */
  force(): void {
    this.run.orders.give('terminate');
  }
}
