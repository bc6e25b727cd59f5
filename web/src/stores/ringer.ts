/** Tell of an alert outside of the page, as far as somebody asked for it: a notification, a sound. Upstream: alerts. Downstream: the browser. */
import { isUrgent, sentence } from '../alertwords';
import { t } from '../i18n/index.svelte';
import { Chime, type Urgency } from '../net/chime';
import type { AlertRecord } from '../wire/generated';
import { preferences } from './preferences.svelte';
import { router } from './router.svelte';

/** Alerts that begin together ring once. */
const QUIET_MS = 2000;

class Ringer {
  #chime = new Chime();
  #rangAt = -QUIET_MS;

  /** Have the first key or click of the page make the sound ready, where one is wanted: browsers keep silent before. */
  start(): void {
    const ready = (): void => {
      if (preferences.sound) this.#chime.wake();
    };
    addEventListener('pointerdown', ready, { once: true });
    addEventListener('keydown', ready, { once: true });
  }

  wake(): void {
    this.#chime.wake();
  }

  sleep(): void {
    this.#chime.sleep();
  }

  play(urgency: Urgency): void {
    this.#chime.play(urgency);
  }

  /** A notice rings nowhere: what only tells that all is well interrupts nobody. */
  ring(alert: AlertRecord, runName: string): void {
    if (!isUrgent(alert)) return;
    if (preferences.sound && performance.now() - this.#rangAt >= QUIET_MS) {
      this.#rangAt = performance.now();
      this.#chime.play(alert.level === 'critical' ? 'critical' : 'warning');
    }
    if (preferences.notifications && (document.hidden || !document.hasFocus())) this.#notify(alert, runName);
  }

  #notify(alert: AlertRecord, runName: string): void {
    const title = `${t(`alert.level.${alert.level}`)}: ${runName}`;
    try {
      const shown = new Notification(title, {
        body: sentence(alert),
        tag: alert.id,
        requireInteraction: alert.level === 'critical',
      });
      shown.onclick = () => {
        window.focus();
        router.go({ page: 'run', id: alert.run_id });
        shown.close();
      };
    } catch {
      // Some browsers (Chrome on Android) have notifications only for service workers: the toast is there all the same.
    }
  }
}

export const ringer = new Ringer();
