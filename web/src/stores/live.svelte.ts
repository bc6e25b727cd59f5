/** The one socket of the page, its state, and who hears its messages. */
import { socketUrl } from '../net/base';
import { Stream, type Connection, type SocketLike, type Subscription } from '../net/stream';
import type { ServerMessage } from '../wire/generated';

type Listener = (message: ServerMessage) => void;

class Live {
  #connection = $state.raw<Connection>({ state: 'connecting' });
  #version = $state<string | null>(null);
  #listener: Listener | null = null;
  #stream = new Stream({
    open: () => new WebSocket(socketUrl()) as SocketLike,
    onMessage: message => {
      if (message.type === 'hello') this.#version = message.server_version;
      this.#listener?.(message);
    },
    onConnection: connection => (this.#connection = connection),
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
    addEventListener('online', () => this.#stream.retryNow());
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) this.#stream.retryNow();
    });
  }

  retryNow(): void {
    this.#stream.retryNow();
  }

  /** Hear these messages until the returned function is called. One page listens at a time. */
  listen(subscription: Subscription, listener: Listener): () => void {
    this.#listener = listener;
    this.#stream.subscribe(subscription);
    return () => {
      if (this.#listener === listener) this.#listener = null;
    };
  }
}

export const live = new Live();
