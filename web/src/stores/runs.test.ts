// @vitest-environment jsdom
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { RunSummary, ServerMessage } from '../wire/generated';
import { live } from './live.svelte';
import { RunsStore } from './runs.svelte';

const run = (id: string, state: RunSummary['state']) => ({ run_id: id, state, created_at: 1 }) as RunSummary;

let hear: (message: ServerMessage) => void;

beforeEach(() => {
  vi.spyOn(live, 'listen').mockImplementation((_, listener) => {
    hear = listener;
    return () => {};
  });
});

afterEach(() => vi.unstubAllGlobals());

it('is loaded once more when the server is known to tell of what changes', async () => {
  let listed = [run('a', 'running'), run('b', 'running')];
  vi.stubGlobal('fetch', () => Promise.resolve(Response.json({ runs: listed, activities: [] })));
  const store = new RunsStore();
  await store.open();
  await vi.waitFor(() => expect(store.now).toHaveLength(2));
  listed = [run('a', 'done')];
  hear({ type: 'pong' });
  await vi.waitFor(() => expect(store.ended).toHaveLength(1));
  expect(store.now).toEqual([]);
});

it('an answer takes nothing back that the socket told while it was on its way', async () => {
  const listed = ['a', 'b', 'c'].map(id => run(id, 'running'));
  let arrive = (): void => {};
  const way = new Promise<void>(resolve => (arrive = resolve));
  vi.stubGlobal('fetch', async () => {
    await way;
    return Response.json({ runs: listed, activities: [], cursor: null });
  });
  const store = new RunsStore();
  const opened = store.open();
  // A second answer is asked for before the first has come.
  hear({ type: 'pong' });
  hear({ type: 'run', run_id: 'a', summary: run('a', 'done') });
  hear({ type: 'gone', run_id: 'b' });
  arrive();
  await opened;
  await vi.waitFor(() => expect(store.all).toHaveLength(2));
  expect(store.now.map(one => one.run_id)).toEqual(['c']);
  expect(store.ended.map(one => one.run_id)).toEqual(['a']);
});
