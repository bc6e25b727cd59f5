// @vitest-environment jsdom
import { afterEach, expect, it, vi } from 'vitest';
import type { RunSummary, ServerMessage } from '../wire/generated';
import { live } from './live.svelte';
import { RunsStore } from './runs.svelte';

const run = (id: string, state: RunSummary['state']) => ({ run_id: id, state, created_at: 1 }) as RunSummary;

afterEach(() => vi.unstubAllGlobals());

it('an answer takes nothing back that the socket told while it was on its way', async () => {
  let hear: (message: ServerMessage) => void = () => {};
  vi.spyOn(live, 'listen').mockImplementation((_, listener) => {
    hear = listener;
    return () => {};
  });
  const listed = [run('a', 'running'), run('b', 'running'), run('c', 'running')];
  let arrive = (): void => {};
  const way = new Promise<void>(resolve => (arrive = resolve));
  vi.stubGlobal('fetch', async () => {
    await way;
    return Response.json({ runs: listed, activities: [], cursor: null });
  });
  const store = new RunsStore();
  const opened = store.open();
  hear({ type: 'run', run_id: 'a', summary: run('a', 'done') });
  hear({ type: 'gone', run_id: 'b' });
  arrive();
  await opened;
  await vi.waitFor(() => expect(store.all).toHaveLength(2));
  expect(store.now.map(one => one.run_id)).toEqual(['c']);
  expect(store.ended.map(one => one.run_id)).toEqual(['a']);
});
