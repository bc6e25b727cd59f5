import { describe, expect, it } from 'vitest';
import { cut, Follower, openTail } from './follow';

const bytes = (text: string) => new TextEncoder().encode(text);

describe('Follower', () => {
  it('shows a short log from its first byte', () => {
    const follower = new Follower();
    expect(follower.begin(bytes('one\ntwo\n'), 0)).toEqual([{ text: 'one\ntwo\n', at: 0, length: 8 }]);
    expect(follower.next).toBe(8);
  });

  it('begins a long log with a whole line and says what lies before it', () => {
    const follower = new Follower();
    expect(follower.begin(bytes('lf a line\nwhole\n'), 1000)).toEqual([
      { skipped: 1010 },
      { text: 'whole\n', at: 1010, length: 6 },
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
    expect(follower.take(1, 4, 'bcde')).toEqual([{ text: 'de', at: 3, length: 2 }]);
    expect(follower.take(5, 1, 'f')).toEqual([{ text: 'f', at: 5, length: 1 }]);
  });

  it('says how much was skipped', () => {
    const follower = new Follower();
    follower.begin(bytes('abc'), 0);
    expect(follower.take(103, 2, 'hi')).toEqual([{ skipped: 100 }, { text: 'hi', at: 103, length: 2 }]);
    expect(follower.next).toBe(105);
  });

  it('counts bytes, not characters', () => {
    const follower = new Follower();
    follower.begin(new Uint8Array(), 0);
    expect(follower.take(0, 4, 'жж')).toEqual([{ text: 'жж', at: 0, length: 4 }]);
    expect(follower.take(2, 4, 'жы')).toEqual([{ text: 'ы', at: 4, length: 2 }]);
  });
});

describe('cut', () => {
  it('cuts a long part between characters, and each piece knows its place', () => {
    const text = 'жы🙂損'.repeat(20_000);
    const all = bytes(text);
    const pieces = cut(new TextDecoder(), all, 7);
    expect(pieces.length).toBeGreaterThan(5);
    let at = 7;
    let joined = '';
    for (const piece of pieces) {
      if (!('text' in piece)) throw new Error('nothing is skipped here');
      expect(piece.at).toBe(at);
      expect(bytes(piece.text).length).toBe(piece.length);
      at += piece.length;
      joined += piece.text;
    }
    expect(joined).toBe(text);
    expect(at).toBe(7 + all.length);
  });
  it('shows what is no UTF-8 as replaced, and counts its bytes as they are', () => {
    const pieces = cut(new TextDecoder(), new Uint8Array([0x61, 0xff, 0xfe, 0x62]), 0);
    expect(pieces).toEqual([{ text: 'a\ufffd\ufffdb', at: 0, length: 4 }]);
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
