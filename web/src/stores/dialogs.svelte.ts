/** Which dialog of the console is open, and with what it was opened. Upstream: buttons. Downstream: the dialogs. */
import type { Departure } from './steering';

export type Asked =
  | { dialog: 'stop' }
  | { dialog: 'adjust' }
  | { dialog: 'reload' }
  | { dialog: 'config_view' }
  | { dialog: 'export' }
  /** What the run came to, after it ended. */
  | { dialog: 'summary' }
  /** Why it failed, and what can be done. */
  | { dialog: 'failure' }
  | {
      dialog: 'config_edit';
      /** Fill these values in, for a person to look at. */
      preset?: { name: string; values: Record<string, unknown> };
    }
  | { dialog: 'preset_load' }
  | { dialog: 'preset_save' }
  | {
      dialog: 'depart';
      kind: Departure;
      /** A folder; null is the newest that verifies. */
      checkpoint: string | null;
      overrides: Record<string, unknown>;
      /** Take over what the config file says otherwise. */
      fromFile?: boolean;
    };

export class Dialogs {
  #asked = $state.raw<Asked | null>(null);

  get asked(): Asked | null {
    return this.#asked;
  }

  open(asked: Asked): void {
    this.#asked = asked;
  }

  depart(
    kind: Departure,
    checkpoint: string | null = null,
    overrides: Record<string, unknown> = {},
    fromFile = false,
  ): void {
    this.open({ dialog: 'depart', kind, checkpoint, overrides, fromFile });
  }

  close(): void {
    this.#asked = null;
  }
}
