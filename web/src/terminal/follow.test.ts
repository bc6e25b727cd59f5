import { describe, expect, it } from 'vitest';
import { Follower, openTail } from './follow';

const bytes = (text: string) => new TextEncoder().encode(text);

describe('Follower', () => {
  it('shows a short log from its first byte', () => {
    const follower = new Follower();
    expect(follower.begin(bytes('one\ntwo\n'), 0)).toEqual([{ text: 'one\ntwo\n' }]);
    expect(follower.next).toBe(8);
  });

  it('begins a long log with a whole line and says what lies before it', () => {
    const follower = new Follower();
    expect(follower.begin(bytes('lf a line\nwhole\n'), 1000)).toEqual([
      { skipped: 1010 },
      { text: 'whole\n' },
    ]);
    expect(follower.next).toBe(1016);
  });

  it('leaves a half character for the socket', () => {
    const follower = new Follower();
    const half = bytes('ж').subarray(0, 1);
    follower.begin(new Uint8Array([...bytes('a'), ...half]), 0);
    expect(follower.next).toBe(1);
  });

  it('shows nothing twice', () => {
    const follower = new Follower();
    follower.begin(bytes('abc'), 0);
    expect(follower.take(0, 3, 'abc')).toEqual([]);
    expect(follower.take(1, 4, 'bcde')).toEqual([{ text: 'de' }]);
    expect(follower.take(5, 1, 'f')).toEqual([{ text: 'f' }]);
  });

  it('says how much was skipped', () => {
    const follower = new Follower();
    follower.begin(bytes('abc'), 0);
    expect(follower.take(103, 2, 'hi')).toEqual([{ skipped: 100 }, { text: 'hi' }]);
    expect(follower.next).toBe(105);
  });

  it('counts bytes, not characters', () => {
    const follower = new Follower();
    follower.begin(new Uint8Array(), 0);
    expect(follower.take(0, 4, 'жж')).toEqual([{ text: 'жж' }]);
    expect(follower.take(2, 4, 'жы')).toEqual([{ text: 'ы' }]);
  });
});

describe('openTail', () => {
  it('finds the character that is not complete', () => {
    const emoji = bytes('🙂');
    for (const cut of [1, 2, 3]) expect(openTail(emoji.subarray(0, cut))).toBe(cut);
    expect(openTail(emoji)).toBe(0);
    expect(openTail(bytes('ж'))).toBe(0);
    expect(openTail(new Uint8Array())).toBe(0);
  });
});
