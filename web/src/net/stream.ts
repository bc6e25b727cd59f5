/** The socket half of the contract: one connection, kept up; subscriptions are renewed with today's cursors. Upstream: the server. Downstream: live. */
import type { ClientMessage, ServerMessage, Subscribe } from '../wire/generated';

export interface SocketLike {
  send(data: string): void;
  close(): void;
  onopen: (() => void) | null;
  onmessage: ((message: { data: string }) => void) | null;
  onclose: ((event?: { code: number }) => void) | null;
}

export interface Timers {
  set(call: () => void, ms: number): number;
  clear(handle: number): void;
  now(): number;
}

export type Connection =
  | { state: 'connecting' }
  | { state: 'open' }
  /** `retryAt`: milliseconds of `Timers.now`; null while a try is under way, or none will be. */
  | { state: 'lost'; retryAt: number | null };

export type Subscription = Pick<Subscribe, 'runs' | 'topics' | 'everywhere'> & {
  cursors: () => Subscribe['cursors'];
};

/** The server's word that what opened this connection opens it no more, or to another role. */
export const KEY_GONE = 4401;
const FIRST_DELAY = 400;
const LONGEST_DELAY = 10_000;
const PING_EVERY = 15_000;
const PONG_WITHIN = 10_000;
const OPEN_WITHIN = 10_000;

const realTimers: Timers = {
  set: (call, ms) => window.setTimeout(call, ms),
  clear: handle => window.clearTimeout(handle),
  now: () => performance.now(),
};

export class Stream {
  #open: () => SocketLike;
  #timers: Timers;
  #socket: SocketLike | null = null;
  #subscription: Subscription | null = null;
  #failures = 0;
  #everOpen = false;
  #retry: number | null = null;
  #watch: number | null = null;
  #onMessage: (message: ServerMessage) => void;
  #onConnection: (connection: Connection) => void;
  #onRefused: (code: number) => void;

  constructor(options: {
    open: () => SocketLike;
    onMessage: (message: ServerMessage) => void;
    onConnection: (connection: Connection) => void;
    /**
     * A connection that was never opened, or that was closed because the key is gone: the reason may be who asks. After the
     * latter nothing is tried until `start`.
     */
    onRefused?: (code: number) => void;
    timers?: Timers;
  }) {
    this.#open = options.open;
    this.#onMessage = options.onMessage;
    this.#onConnection = options.onConnection;
    this.#onRefused = options.onRefused ?? (() => {});
    this.#timers = options.timers ?? realTimers;
  }

  start(): void {
    if (!this.#socket && this.#retry === null) this.#connect();
  }

  /** Hear this from now on, instead of what was asked before; sent again with fresh cursors after each reconnect. */
  subscribe(subscription: Subscription | null): void {
    this.#subscription = subscription;
    this.#sendSubscription();
  }

  retryNow(): void {
    if (this.#retry === null) return;
    this.#timers.clear(this.#retry);
    this.#connect();
  }

  /** Nothing more is heard, and nothing tried, until `start`. */
  stop(): void {
    if (this.#retry !== null) this.#timers.clear(this.#retry);
    this.#retry = null;
    this.#drop();
    this.#onConnection({ state: 'lost', retryAt: null });
  }

  #connect(): void {
    this.#retry = null;
    this.#onConnection(
      this.#everOpen || this.#failures > 0 ? { state: 'lost', retryAt: null } : { state: 'connecting' },
    );
    const socket = this.#open();
    this.#socket = socket;
    let open = false;
    socket.onopen = () => {
      if (socket !== this.#socket) return;
      open = true;
      this.#sendSubscription();
      this.#ping();
    };
    socket.onmessage = ({ data }) => {
      if (socket !== this.#socket) return;
      this.#alive();
      const message = JSON.parse(data) as ServerMessage;
      if (message.type === 'hello') this.#welcome();
      this.#onMessage(message);
    };
    socket.onclose = event => {
      if (socket !== this.#socket) return;
      const code = event?.code ?? 0;
      if (code === KEY_GONE) this.stop();
      else this.#lost();
      if (!open || code === KEY_GONE) this.#onRefused(code);
    };
    this.#watch = this.#timers.set(() => {
      if (!open && socket === this.#socket) this.#lost();
    }, OPEN_WITHIN);
  }

  #welcome(): void {
    this.#failures = 0;
    this.#everOpen = true;
    this.#onConnection({ state: 'open' });
  }

  #sendSubscription(): void {
    if (!this.#subscription) return;
    const { cursors, ...asked } = this.#subscription;
    this.#send({ type: 'subscribe', ...asked, cursors: cursors() });
    // Its answer says that the subscription holds: the server takes one message after another.
    this.#send({ type: 'ping' });
  }

  #send(message: ClientMessage): void {
    try {
      this.#socket?.send(JSON.stringify(message));
    } catch {
      // Not open yet: the subscription goes out as soon as it is.
    }
  }

  /** Ask for a sign of life now and then; a silent connection is a lost one. */
  #ping(): void {
    this.#clearWatch();
    this.#watch = this.#timers.set(() => {
      this.#send({ type: 'ping' });
      this.#watch = this.#timers.set(() => this.#lost(), PONG_WITHIN);
    }, PING_EVERY);
  }

  #alive(): void {
    this.#ping();
  }

  #clearWatch(): void {
    if (this.#watch !== null) this.#timers.clear(this.#watch);
    this.#watch = null;
  }

  #drop(): void {
    this.#clearWatch();
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #lost(): void {
    this.#drop();
    const delay = backOff(this.#failures++, Math.random());
    this.#retry = this.#timers.set(() => this.#connect(), delay);
    this.#onConnection({ state: 'lost', retryAt: this.#timers.now() + delay });
  }
}

/** Milliseconds before try number `failures` + 1: doubling up to a limit, spread so that tabs do not return at once. */
export function backOff(failures: number, random: number): number {
  const full = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** Math.min(failures, 10));
  return Math.round(full * (0.75 + 0.5 * random));
}
