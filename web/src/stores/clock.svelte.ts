/** The server's time, once a second: ages and rolling windows count in it, whatever the clock of this device says. Upstream: the socket. Downstream: stores, panels. */
import { get, onServerTime } from '../net/api';

const PARTED_MS = 2000;

class Clock {
  #now = $state(Date.now() / 1000);
  /** Seconds to add to this device's clock; small differences are the whole seconds of the Date header. */
  #offset = 0;
  /** This device's two clocks at the last look: when they part, it slept or was set. */
  #looked = { wall: Date.now(), steady: performance.now() };

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
    const { wall, steady } = this.#looked;
    this.#looked = { wall: Date.now(), steady: performance.now() };
    const parted = this.#looked.wall - wall - (this.#looked.steady - steady);
    if (Math.abs(parted) < PARTED_MS) this.#now = this.exact();
    // Any answer tells the server's time; until it is there the old one is shown.
    else void get('health').catch(() => {});
  }
}

export const clock = new Clock();
