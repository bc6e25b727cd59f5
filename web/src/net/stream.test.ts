import { beforeEach, describe, expect, it } from 'vitest';
import type { ServerMessage } from '../wire/generated';
import { backOff, KEY_GONE, Stream, type Connection, type SocketLike } from './stream';

class FakeSocket implements SocketLike {
  onopen: (() => void) | null = null;
  onmessage: ((message: { data: string }) => void) | null = null;
  onclose: ((event?: { code: number }) => void) | null = null;
  sent: { type: string; cursors?: unknown }[] = [];
  isOpen = false;
  send(data: string): void {
    if (!this.isOpen) throw new Error('not open');
    this.sent.push(JSON.parse(data));
  }
  close(): void {
    this.isOpen = false;
  }
  accept(): void {
    this.isOpen = true;
    this.onopen?.();
    this.say({ type: 'hello', server_version: '1', protocol: 1 });
  }
  say(message: ServerMessage): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
}

class FakeTimers {
  time = 0;
  #next = 1;
  #jobs = new Map<number, { at: number; call: () => void }>();
  set(call: () => void, ms: number): number {
    this.#jobs.set(this.#next, { at: this.time + ms, call });
    return this.#next++;
  }
  clear(handle: number): void {
    this.#jobs.delete(handle);
  }
  now(): number {
    return this.time;
  }
  pass(ms: number): void {
    const end = this.time + ms;
    for (;;) {
      const due = [...this.#jobs].filter(([, job]) => job.at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
      if (!due) break;
      this.#jobs.delete(due[0]);
      this.time = due[1].at;
      due[1].call();
    }
    this.time = end;
  }
}

let sockets: FakeSocket[];
let timers: FakeTimers;
let connections: Connection[];
let messages: ServerMessage[];
let stream: Stream;
let refusals: number[];

beforeEach(() => {
  sockets = [];
  connections = [];
  messages = [];
  refusals = [];
  timers = new FakeTimers();
  stream = new Stream({
    open: () => {
      sockets.push(new FakeSocket());
      return sockets.at(-1)!;
    },
    onMessage: message => messages.push(message),
    onConnection: connection => connections.push(connection),
    onRefused: code => refusals.push(code),
    timers,
  });
});

describe('Stream', () => {
  it('subscribes as soon as the socket is open, whenever it was asked', () => {
    stream.subscribe({ runs: ['a'], topics: ['status'], cursors: () => ({}) });
    stream.start();
    expect(sockets[0]!.sent).toEqual([]);
    sockets[0]!.accept();
    expect(sockets[0]!.sent).toMatchObject([
      { type: 'subscribe', runs: ['a'], topics: ['status'] },
      { type: 'ping' },
    ]);
    stream.subscribe({ runs: ['*'], topics: ['runs'], cursors: () => ({}) });
    expect(sockets[0]!.sent.slice(2)).toMatchObject([{ runs: ['*'], topics: ['runs'] }, { type: 'ping' }]);
    expect(connections.at(-1)).toEqual({ state: 'open' });
  });

  it('resumes with the cursors of the moment it comes back', () => {
    let seen = 3;
    stream.subscribe({ runs: ['a'], topics: ['metrics'], cursors: () => ({ a: { events: seen } }) });
    stream.start();
    sockets[0]!.accept();
    seen = 41;
    sockets[0]!.onclose?.();
    expect(connections.at(-1)).toMatchObject({ state: 'lost', retryAt: expect.any(Number) });
    timers.pass(1000);
    sockets[1]!.accept();
    expect(sockets[1]!.sent[0]!.cursors).toEqual({ a: { events: 41 } });
  });

  it('tries again at once when asked to', () => {
    stream.start();
    sockets[0]!.onclose?.();
    stream.retryNow();
    expect(sockets).toHaveLength(2);
    expect(connections.at(-1)).toEqual({ state: 'lost', retryAt: null });
    stream.retryNow();
    expect(sockets).toHaveLength(2);
  });

  it('takes a silent connection for a lost one', () => {
    stream.start();
    sockets[0]!.accept();
    timers.pass(15_000);
    expect(sockets[0]!.sent.at(-1)).toEqual({ type: 'ping' });
    sockets[0]!.say({ type: 'pong' });
    timers.pass(15_000);
    timers.pass(9_999);
    expect(sockets).toHaveLength(1);
    timers.pass(2000);
    expect(sockets.length).toBeGreaterThan(1);
  });

  it('hears nothing from a socket it gave up', () => {
    stream.start();
    sockets[0]!.accept();
    sockets[0]!.onclose?.();
    const before = messages.length;
    sockets[0]!.say({ type: 'pong' });
    expect(messages).toHaveLength(before);
  });

  it('tries nothing more when its key is gone, until it is started again', () => {
    let seen = 3;
    stream.subscribe({ runs: ['a'], topics: ['metrics'], cursors: () => ({ a: { events: seen } }) });
    stream.start();
    sockets[0]!.accept();
    seen = 9;
    sockets[0]!.onclose?.({ code: KEY_GONE });
    expect(refusals).toEqual([KEY_GONE]);
    expect(connections.at(-1)).toEqual({ state: 'lost', retryAt: null });
    timers.pass(600_000);
    stream.retryNow();
    expect(sockets).toHaveLength(1);
    stream.start();
    sockets[1]!.accept();
    expect(sockets[1]!.sent[0]!.cursors).toEqual({ a: { events: 9 } });
    expect(connections.at(-1)).toEqual({ state: 'open' });
  });

  it('does not come back once stopped', () => {
    stream.start();
    sockets[0]!.onclose?.();
    stream.stop();
    timers.pass(60_000);
    expect(sockets).toHaveLength(1);
  });
});

describe('back-off', () => {
  it('doubles, is spread, and has an end', () => {
    expect(backOff(0, 0.5)).toBe(400);
    expect(backOff(1, 0.5)).toBe(800);
    expect(backOff(0, 0)).toBe(300);
    expect(backOff(30, 1)).toBe(12_500);
  });
});
