/** The three-way comparison while its dialog is open: read, ticked, applied, and what became of each key. Upstream: HTTP. Downstream: the reload dialog. */
import type { ConfigDiff } from '../wire/generated';
import { isOpen, type CommandView } from './commands';
import { canApply, outcome, type Outcome, type Row } from './diff';
import type { Orders } from './orders.svelte';
import { readDiff } from './steering';

export class ConfigFileStore {
  #diff = $state.raw<ConfigDiff | null>(null);
  #problem = $state.raw<Error | null>(null);
  #ticked = $state.raw<readonly string[]>([]);
  /** The rows as they were when they were asked to be applied. */
  #asked = $state.raw<readonly Row[]>([]);
  #commandId = $state<string | null>(null);

  constructor(
    readonly runId: string,
    readonly orders: Orders,
  ) {}

  get diff(): ConfigDiff | null {
    return this.#diff;
  }

  get problem(): Error | null {
    return this.#problem;
  }

  /** Keys. */
  get ticked(): readonly string[] {
    return this.#ticked;
  }

  get command(): CommandView | undefined {
    return this.orders.find(this.#commandId);
  }

  get asked(): readonly Row[] {
    return this.#asked;
  }

  async load(): Promise<void> {
    try {
      this.#take(await readDiff(this.runId));
      this.#problem = null;
    } catch (error) {
      this.#problem = error as Error;
    }
  }

  tick(row: Row, on: boolean): void {
    const others = this.#ticked.filter(key => key !== row.key);
    this.#ticked = on && canApply(row) ? [...others, row.key] : others;
  }

  tickAll(on: boolean): void {
    const rows = this.#diff?.rows ?? [];
    this.#ticked = on ? rows.filter(canApply).map(row => row.key) : [];
  }

  /** Ask the trainer to take over the ticked keys, and no others. */
  apply(): void {
    const keys = [...this.#ticked];
    if (!keys.length) return;
    this.#asked = (this.#diff?.rows ?? []).filter(row => this.#ticked.includes(row.key));
    this.#ticked = [];
    this.#commandId = this.orders.give('reload_config', { keys });
  }

  /** What became of a key that was asked to be applied; null when it was not. */
  outcome(key: string, now: number): Outcome | null {
    const before = this.#asked.find(row => row.key === key);
    if (!before) return null;
    const after = this.#diff?.rows.find(row => row.key === key);
    return outcome(before, after, isOpen(this.command, now));
  }

  #take(diff: ConfigDiff): void {
    this.#diff = diff;
    const possible = diff.rows.filter(canApply).map(row => row.key);
    this.#ticked = this.#ticked.filter(key => possible.includes(key));
  }
}
