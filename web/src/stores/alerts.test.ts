// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { AlertRecord, ServerMessage } from '../wire/generated';
import { AlertsStore } from './alerts.svelte';
import { live } from './live.svelte';

const alert = (id: string, more: Partial<AlertRecord> = {}): AlertRecord => ({
  id,
  run_id: 'r1',
  code: 'odd',
  level: 'warning',
  message: id,
  data: {},
  value: null as never,
  threshold: null as never,
  step: null,
  attempt: 1,
  began_at: 1000,
  ended_at: null,
  acknowledged_at: null,
  acknowledged_by: null,
  ...more,
});

let book: AlertRecord[];
let asked: string[];
let hear: (message: ServerMessage) => void;
let store: AlertsStore;

/** The server's side of it, as far as the store asks. */
async function answer(input: URL, init: RequestInit): Promise<Response> {
  const path = input.pathname.replace('/api/v1/', '');
  asked.push(`${init.method ?? 'GET'} ${path}${input.search}`);
  const acknowledged = /^alerts\/(.+)\/ack$/.exec(path)?.[1];
  if (acknowledged) {
    const id = decodeURIComponent(acknowledged);
    book = book.map(one =>
      one.id === id ? { ...one, acknowledged_at: 5, acknowledged_by: 'browser' } : one,
    );
    return Response.json(book.find(one => one.id === id));
  }
  if (path === 'alerts') return Response.json({ alerts: book });
  return Response.json({ runs: [{ run_id: 'r1', name: 'a name' }], cursor: null });
}

const frame = () => new Promise(requestAnimationFrame);
const shown = (): string[] => store.all.map(one => one.id);
const toasted = (): string[] => store.toasts.all.map(toast => toast.alert.id);

beforeEach(() => {
  vi.useRealTimers();
  book = [];
  asked = [];
  vi.stubGlobal('fetch', answer);
  vi.spyOn(live, 'hearEverywhere').mockImplementation((_, listener) => (hear = listener));
  store = new AlertsStore();
  store.start();
});

afterEach(() => vi.unstubAllGlobals());

const greet = async (): Promise<void> => {
  hear({ type: 'hello', server_version: '1', protocol: 1 });
  hear({ type: 'pong' });
  await vi.waitFor(() => expect(store.loaded && book.every(one => store.get(one.id))).toBe(true));
  await frame();
};

describe('alerts', () => {
  it('are not asked for before the server has heard that the page listens', async () => {
    hear({ type: 'hello', server_version: '1', protocol: 1 });
    expect(asked).toEqual([]);
    hear({ type: 'pong' });
    expect(asked).toEqual(['GET alerts?limit=500']);
    hear({ type: 'pong' });
    expect(asked).toHaveLength(1);
  });

  it('keep what was heard of them while an older answer was on its way', async () => {
    let arrive = (): void => {};
    const way = new Promise<void>(resolve => (arrive = resolve));
    vi.stubGlobal('fetch', async (input: URL, init: RequestInit) => {
      const response = await answer(input, init);
      await way;
      return response;
    });
    book = [alert('a'), alert('b')];
    hear({ type: 'hello', server_version: '1', protocol: 1 });
    hear({ type: 'pong' });
    hear({ type: 'alert', run_id: 'r1', alert: alert('a', { acknowledged_at: 5 }) });
    arrive();
    await vi.waitFor(() => expect(store.get('b')).toBeDefined());
    expect(store.get('a')?.acknowledged_at).toBe(5);
  });

  it('are read once the socket greets, the newest first, and none of the past is toasted', async () => {
    book = [alert('b', { began_at: 1001 }), alert('a')];
    await greet();
    expect(shown()).toEqual(['b', 'a']);
    expect(toasted()).toEqual([]);
    expect(store.nameOf('r1')).toBe('a name');
  });

  it('that begin are toasted, change in place, and count until they are acknowledged', async () => {
    await greet();
    hear({ type: 'alert', run_id: 'r1', alert: alert('a') });
    await vi.waitFor(() => expect(toasted()).toEqual(['a']));
    hear({ type: 'alert', run_id: 'r1', alert: alert('a', { value: 7 as never, ended_at: 1002 }) });
    await frame();
    expect(store.all).toHaveLength(1);
    expect(store.get('a')?.value).toBe(7);
    expect(store.unacknowledged).toHaveLength(1);
    hear({ type: 'alert', run_id: 'r1', alert: alert('a', { acknowledged_at: 5 }) });
    await frame();
    expect(store.unacknowledged).toHaveLength(0);
    expect(toasted()).toEqual([]);
  });

  it('are acknowledged in the server’s book, notices left alone', async () => {
    book = [alert('a/1~x'), alert('b', { level: 'info' }), alert('c', { level: 'critical' })];
    await greet();
    await store.acknowledgeAll(store.all);
    await frame();
    expect(asked.filter(one => one.startsWith('POST')).toSorted()).toEqual([
      'POST alerts/a%2F1~x/ack',
      'POST alerts/c/ack',
    ]);
    expect(store.unacknowledged).toHaveLength(0);
    expect(store.get('b')?.acknowledged_at).toBeNull();
  });

  it('that were missed while the connection was lost are read and toasted, older ones are not', async () => {
    book = [alert('old')];
    await greet();
    const now = Date.now() / 1000;
    book = [alert('missed', { began_at: now + 5 }), alert('old'), alert('older run', { began_at: 500 })];
    await greet();
    await vi.waitFor(() => expect(toasted()).toEqual(['missed']));
    expect(shown()).toEqual(['missed', 'old', 'older run']);
  });

  it('that a slow connection was spared are read again', async () => {
    await greet();
    book = [alert('a')];
    asked = [];
    hear({ type: 'gap', run_id: 'r1', skipped: { alerts: 3 } });
    await vi.waitFor(() => expect(asked[0]).toBe('GET alerts?limit=500'));
  });

  it('of one run are those that its charts mark', async () => {
    book = [alert('a'), alert('b', { run_id: 'r2' })];
    await greet();
    expect(store.ofRun('r2').map(one => one.id)).toEqual(['b']);
  });
});
