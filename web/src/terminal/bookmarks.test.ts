import { describe, expect, it } from 'vitest';
import { BookmarkBook } from './bookmarks';

function storage(initial: Record<string, string> = {}) {
  const kept = new Map(Object.entries(initial));
  return {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
    kept,
  };
}

describe('BookmarkBook', () => {
  it('keeps a run’s lines in their order, and forgets what is toggled again', () => {
    const store = storage();
    const book = new BookmarkBook('a', store);
    expect(book.toggle(30, '  third ')).toBe(true);
    expect(book.toggle(10, 'first')).toBe(true);
    expect(new BookmarkBook('a', store).all).toEqual([
      { offset: 10, text: 'first' },
      { offset: 30, text: 'third' },
    ]);
    expect(new BookmarkBook('b', store).all).toEqual([]);
    expect(book.toggle(10, 'first')).toBe(false);
    book.remove(30);
    expect(store.kept.size).toBe(0);
  });
  it('goes on to the next one, around the end', () => {
    const book = new BookmarkBook('a', storage());
    for (const offset of [10, 20, 30]) book.toggle(offset, '');
    expect([book.beside(10, 1), book.beside(30, 1), book.beside(10, -1), book.beside(25, -1)].map(one => one?.offset)).toEqual([20, 10, 30, 20]); // prettier-ignore
    expect(new BookmarkBook('b', storage()).beside(0, 1)).toBeNull();
  });
  it('survives a storage that holds something else or nothing more', () => {
    expect(new BookmarkBook('a', storage({ 'gladius_bookmarks:a': '{' })).all).toEqual([]);
    expect(new BookmarkBook('a', storage({ 'gladius_bookmarks:a': '[{"offset":"x"},{"offset":1,"text":"t"}]' })).all).toEqual([{ offset: 1, text: 't' }]); // prettier-ignore
    const full = { ...storage(), setItem: () => { throw new DOMException('full', 'QuotaExceededError'); } }; // prettier-ignore
    expect(() => new BookmarkBook('a', full).toggle(1, 't')).not.toThrow();
  });
});
