import { describe, expect, it } from 'vitest';
import { highlight, Sanitizer } from './sanitize';

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

describe('level tags', () => {
  it('are coloured and leave no colour behind', () => {
    expect(highlight('[INFO] a [WARN] b')).toBe('\x1b[34m[INFO]\x1b[22;39m a \x1b[33m[WARN]\x1b[22;39m b');
  });
  it('are known words only', () =>
    expect(highlight('[info] [Epoch 3] [INFORMATION]')).toBe('[info] [Epoch 3] [INFORMATION]'));
});
