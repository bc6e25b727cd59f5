import { describe, expect, it } from 'vitest';
import { Sanitizer } from './sanitize';

const clean = (text: string) => new Sanitizer().push(text);

describe('what passes', () => {
  it('is text in any script', () =>
    expect(clean('loss 4.2 потери 損失 🙂 ▓░\n')).toBe('loss 4.2 потери 損失 🙂 ▓░\n'));
  it('is colour', () =>
    expect(clean('\x1b[1;31mred\x1b[0m \x1b[38;2;1;2;3mrgb')).toBe(
      '\x1b[1;31mred\x1b[0m \x1b[38;2;1;2;3mrgb',
    ));
  it('is what a progress bar needs', () => {
    expect(clean('\r 50%|##  |\x1b[K\b\t\x1b[2C\x1b[10G\n')).toBe('\r 50%|##  |\x1b[K\b\t\x1b[2C\x1b[10G\n');
  });
  it('is a C1 colour in its seven-bit form', () => expect(clean('\x9b32mok')).toBe('\x1b[32mok'));
});

describe('what is dropped', () => {
  it('is the clipboard', () => expect(clean('a\x1b]52;c;aGVsbG8=\x07b')).toBe('ab'));
  it('is a title, ended either way', () => {
    expect(clean('a\x1b]0;owned\x07b\x1b]2;owned\x1b\\c')).toBe('abc');
    expect(clean('a\x9d0;owned\x9cb')).toBe('ab');
  });
  it('is every question that the terminal would answer', () => {
    for (const question of ['\x1b[c', '\x1b[>c', '\x1b[6n', '\x1b[?6n', '\x1b[5n', '\x1bZ', '\x05', '\x1b[x'])
      expect(clean(`a${question}b`)).toBe('ab');
  });
  it('is a device control string', () => expect(clean('a\x1bP+q544e\x1b\\b\x90$q"p\x9cc')).toBe('abc'));
  it('is application, privacy and start-of-string', () =>
    expect(clean('\x1b_x\x1b\\\x1b^y\x1b\\\x1bXz\x1b\\.')).toBe('.'));
  it('is movement over the screen and erasing it', () =>
    expect(clean('a\x1b[2J\x1b[H\x1b[3A\x1b[5B\x1b[1;1H\x1b[Jb\x1bc')).toBe('ab'));
  it('is every mode', () => expect(clean('a\x1b[?1049h\x1b[?25l\x1b[?1000h\x1b[4hb')).toBe('ab'));
  it('is a private colour that is a question in disguise', () =>
    expect(clean('\x1b[>4;2m\x1b[?4m.')).toBe('.'));
  it('is a character set', () => expect(clean('\x1b(0lqk\x1b(B')).toBe('lqk'));
  it('is a bell and a null', () => expect(clean('a\x07\0b')).toBe('ab'));
});

describe('a sequence cut anywhere', () => {
  const whole = 'a\x1b[31mred\x1b[0m\x1b]52;c;eA==\x07b\x1bPq\x1b\\c\x1b[6nd\n';
  it('gives the same', () => {
    const expected = clean(whole);
    for (let cut = 1; cut < whole.length; cut++) {
      const sanitizer = new Sanitizer();
      expect(sanitizer.push(whole.slice(0, cut)) + sanitizer.push(whole.slice(cut))).toBe(expected);
    }
    const sanitizer = new Sanitizer();
    expect([...whole].map(char => sanitizer.push(char)).join('')).toBe(expected);
  });
});

describe('a sequence that never ends', () => {
  it('does not swallow the next line', () => {
    expect(clean('\x1b]0;oops\nnext')).toBe('\nnext');
    expect(clean('\x1b[1;2;3\nnext')).toBe('\nnext');
  });
  it('has a greatest length', () => expect(clean(`\x1b[${'1;'.repeat(200)}tail m`)).toContain('tail m'));
  it('can be followed by another', () => expect(clean('\x1b[1\x1b[31mred')).toBe('\x1b[31mred'));
});

describe('names that mislead', () => {
  it('show where they turn the text around', () =>
    expect(clean('photo\u202egnp.exe \u2066x\u2069')).toBe('photo\ufffdgnp.exe \ufffdx\ufffd'));
  it('are no reason to touch text that runs from right to left', () =>
    expect(clean('שלום\u200f مرحبا')).toBe('שלום\u200f مرحبا'));
});

describe('whatever comes', () => {
  const PARTS = [
    '\x1b', '\x1b[', '\x1b]', '\x1bP', '\x1b_', '\x1b^', '\x1bX', '\x1b(', '\x1b#', '\x9b', '\x9d', '\x90', '\x98', '\x9c', '\x9e', '\x9f',
    '\x1b\\', '\x07', '\0', '\x05', '\x0e', '\x0f', '\x0b', '\x0c', '\x7f', '\x18', '\x1a', '\r', '\n', '\b', '\t',
    '\x1b[31m', '\x1b[0m', '\x1b[?1049h', '\x1b[?25l', '\x1b[2J', '\x1b[H', '\x1b[9A', '\x1b[9B', '\x1b[6n', '\x1b[c', '\x1b[>c', '\x1b[K', '\x1b[5C', '\x1b[3G',
    '\x1b]52;c;eA==\x07', '\x1b]0;t\x1b\\', '\x1b]8;;javascript:x\x07', '\x1bP+q544e\x1b\\', '\x1b[1;2;3', ';', '?', '>', '!', '$', ' ', 'm', 'h', 'c', '7',
    'text', 'потеря', '損失', '🙂', 'e\u0301', '\u202e', '9'.repeat(70),
  ]; // prettier-ignore
  /** The same numbers each time: a failure can be looked at. */
  function numbers(seed: number): (below: number) => number {
    let state = seed;
    return below => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
  }
  const HARMLESS =
    /^(?:[^\0-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]|[\b\t\n\r]|\x1b\[[0-9;:]{0,64}[mKCDG])*$/;

  it('only text, colours and movement within the line come out, every newline does, and cuts change nothing', () => {
    const next = numbers(20261122);
    for (let round = 0; round < 3000; round++) {
      const parts = Array.from({ length: 1 + next(24) }, () =>
        next(8) ? PARTS[next(PARTS.length)]! : String.fromCharCode(next(0x2100)),
      );
      const text = parts.join('');
      const expected = clean(text);
      expect(expected).toMatch(HARMLESS);
      expect(expected.split('\n').length).toBe(text.split('\n').length);
      const inTwo = new Sanitizer();
      const cut = next(text.length);
      expect(inTwo.push(text.slice(0, cut)) + inTwo.push(text.slice(cut))).toBe(expected);
      const inMany = new Sanitizer();
      let out = '';
      for (let at = 0; at < text.length;) {
        const size = 1 + next(4);
        out += inMany.push(text.slice(at, at + size));
        at += size;
      }
      expect(out).toBe(expected);
    }
  });
});
