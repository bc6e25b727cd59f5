/** The server's time, once a second: ages and rolling windows count in it, whatever the clock of this device says. Upstream: the socket. Downstream: stores, panels. */
import { onServerTime } from '../net/api';

class Clock {
  #now = $state(Date.now() / 1000);
  /** Seconds to add to this device's clock; small differences are the whole seconds of the Date header. */
  #offset = 0;

  constructor() {
    setInterval(() => {
      if (!document.hidden) this.#tick();
    }, 1000);
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) this.#tick();
    });
    onServerTime(time => {
      const offset = time + 0.5 - Date.now() / 1000;
      this.#offset = Math.abs(offset) > 2 ? offset : 0;
    });
  }

  /** Unix seconds; reading it inside an effect or a template makes that run again each second. */
  get now(): number {
    return this.#now;
  }

  /** Unix seconds at this very moment, without a subscription. */
  exact(): number {
    return Date.now() / 1000 + this.#offset;
  }

  #tick(): void {
    this.#now = this.exact();
  }
}

export const clock = new Clock();
