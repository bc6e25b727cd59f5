import { afterEach, expect, test, vi } from 'vitest';
import { keep, keepText, kept, keptFields, keptText, keptTexts } from './kept';

function storage(initial: Record<string, string> = {}): Storage {
  const held = new Map(Object.entries(initial));
  return {
    getItem: (key: string) => held.get(key) ?? null,
    setItem: (key: string, value: string) => void held.set(key, value),
    removeItem: (key: string) => void held.delete(key),
  } as unknown as Storage;
}

afterEach(() => vi.unstubAllGlobals());

test('what is kept comes back, and null forgets it', () => {
  vi.stubGlobal('localStorage', storage());
  keep('a', { b: [1] });
  keepText('c', 'dark');
  expect([kept('a'), keptFields('a'), keptText('c')]).toEqual([{ b: [1] }, { b: [1] }, 'dark']);
  keep('a', null);
  expect([kept('a'), keptText('a'), keptFields('a')]).toEqual([null, null, {}]);
});

test('what somebody else wrote there is nothing', () => {
  vi.stubGlobal('localStorage', storage({ torn: '{', number: '7', mixed: '["a", 1, null, "b"]' }));
  expect([kept('torn'), keptFields('number'), keptTexts('torn'), keptTexts('number')]).toEqual([
    null,
    {},
    [],
    [],
  ]);
  expect(keptTexts('mixed')).toEqual(['a', 'b']);
});

test('a browser that gives no storage away is one that never kept anything', () => {
  vi.stubGlobal('localStorage', {
    getItem: () => {
      throw new DOMException('no', 'SecurityError');
    },
    setItem: () => {
      throw new DOMException('full', 'QuotaExceededError');
    },
  });
  expect([keptText('a'), kept('a'), keptTexts('a')]).toEqual([null, null, []]);
  expect(() => keep('a', 1)).not.toThrow();
});
