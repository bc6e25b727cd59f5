/** What has just begun, for a while: newest first, each kind of a run once, at most a few in sight. Upstream: alerts. Downstream: the toasts. */
import type { AlertRecord } from '../wire/generated';

const SECONDS: Record<AlertRecord['level'], number> = { info: 6, warning: 14, critical: Infinity };
/** Kept beyond those in sight; the list has all. */
const MOST = 40;

export interface Toast {
  alert: AlertRecord;
  /** Seconds that it stays. */
  left: number;
}

export class Toasts {
  #all = $state.raw<Toast[]>([]);

  get all(): readonly Toast[] {
    return this.#all;
  }

  /** Those in sight, newest first, critical ones before others when there is no room for all. */
  inSight(room: number): Toast[] {
    const critical = this.#all.filter(toast => toast.alert.level === 'critical').slice(0, room);
    const others = this.#all
      .filter(toast => toast.alert.level !== 'critical')
      .slice(0, room - critical.length);
    return this.#all.filter(toast => critical.includes(toast) || others.includes(toast));
  }

  /** A later one of the same kind and run takes the place of the one before, unless that is critical. */
  show(alert: AlertRecord): void {
    if (alert.acknowledged_at !== null) return;
    const others = this.#all.filter(
      toast =>
        toast.alert.id !== alert.id &&
        (toast.alert.level === 'critical' ||
          toast.alert.code !== alert.code ||
          toast.alert.run_id !== alert.run_id),
    );
    this.#all = [{ alert, left: SECONDS[alert.level] }, ...others].slice(0, MOST);
  }

  /** It changed: acknowledged ones go, wherever that was done. */
  update(alert: AlertRecord): void {
    if (!this.#all.some(toast => toast.alert.id === alert.id)) return;
    if (alert.acknowledged_at !== null) this.close(alert.id);
    else this.#all = this.#all.map(toast => (toast.alert.id === alert.id ? { ...toast, alert } : toast));
  }

  close(id: string): void {
    this.#all = this.#all.filter(toast => toast.alert.id !== id);
  }

  closeAll(): void {
    this.#all = [];
  }

  /** Time passes for those that do not stay. */
  pass(seconds: number): void {
    if (!this.#all.some(toast => Number.isFinite(toast.left))) return;
    this.#all = this.#all
      .map(toast => ({ ...toast, left: toast.left - seconds }))
      .filter(toast => toast.left > 0);
  }
}
