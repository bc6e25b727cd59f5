/** The one socket of the page, its state, and who hears its messages. Upstream: net/stream. Downstream: stores. */
import { socketUrl } from '../net/base';
import { KEY_GONE, Stream, type Connection, type SocketLike, type Subscription } from '../net/stream';
import { session } from './session.svelte';
import type { ServerMessage, Subscribe } from '../wire/generated';

type Listener = (message: ServerMessage) => void;
type Everywhere = NonNullable<Subscribe['everywhere']>[number];

/** What no page asked for: a page that has none of its own hears only what is heard everywhere. */
const NOTHING: Subscription = { runs: [], topics: [], cursors: () => ({}) };

class Live {
  #connection = $state.raw<Connection>({ state: 'connecting' });
  #version = $state<string | null>(null);
  /** What the open page listens to, and who hears it there. */
  #page: { subscription: Subscription; listener: Listener } | null = null;
  #everywhere = new Map<Everywhere, Listener>();
  #stream = new Stream({
    open: () => new WebSocket(socketUrl()) as SocketLike,
    onMessage: message => {
      if (message.type === 'hello') this.#greeted(message.server_version);
      for (const listener of this.#everywhere.values()) listener(message);
      this.#page?.listener(message);
    },
    onConnection: connection => (this.#connection = connection),
    onRefused: code => void this.#refused(code),
  });

  get connection(): Connection {
    return this.#connection;
  }

  get lost(): boolean {
    return this.#connection.state === 'lost';
  }

  get version(): string | null {
    return this.#version;
  }

  start(): void {
    this.#stream.start();
    addEventListener('online', () => this.retryNow());
    addEventListener('focus', () => {
      // Somebody may have signed in elsewhere in this browser.
      if (session.ended) void this.enter();
    });
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) this.retryNow();
    });
  }

  retryNow(): void {
    if (!session.ended) this.#stream.retryNow();
  }

  /** Ask who is signed in, and go on when somebody is. */
  async enter(): Promise<void> {
    await session.load();
    if (!session.ended) this.#stream.start();
  }

  /** Hear these messages until the returned function is called. One page listens at a time. */
  listen(subscription: Subscription, listener: Listener): () => void {
    const page = { subscription, listener };
    this.#page = page;
    this.#subscribe();
    return () => {
      if (this.#page !== page) return;
      this.#page = null;
      this.#subscribe();
    };
  }

  /** Hear a topic of every run on every page, beside what the page itself listens to; it is never asked to stop. */
  hearEverywhere(topic: Everywhere, listener: Listener): void {
    this.#everywhere.set(topic, listener);
    this.#subscribe();
  }

  /** Another role goes on at once; who is signed in no more is asked to sign in again, and nothing is tried until then. */
  async #refused(code: number): Promise<void> {
    if (!session.ended) await session.load();
    if (session.ended) this.#stream.stop();
    else if (code === KEY_GONE) this.#stream.start();
  }

  /** A role that changed while there was no connection is told by nobody else. */
  #greeted(version: string): void {
    if (this.#version !== null) void session.load();
    this.#version = version;
  }

  #subscribe(): void {
    const { runs, topics, cursors } = this.#page?.subscription ?? NOTHING;
    this.#stream.subscribe({ runs, topics, everywhere: [...this.#everywhere.keys()], cursors });
  }
}

export const live = new Live();
