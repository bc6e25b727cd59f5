import { describe, expect, it } from 'vitest';
import { LineComposer, LONGEST_LINE, type Line } from './lines';

const bytes = (text: string) => new TextEncoder().encode(text).length;

function composed(text: string): { lines: string[]; open: string; offsets: number[] } {
  const composer = new LineComposer();
  const lines = composer.push(text, 0, bytes(text));
  return {
    lines: lines.map(line => line.text),
    offsets: lines.map(line => line.offset),
    open: composer.open(1e9),
  };
}

describe('a line', () => {
  it('begins where its first byte is', () => {
    expect(composed('one\nдва\r\n三\nrest')).toEqual({
      lines: ['one', 'два', '三'],
      offsets: [0, 4, 12],
      open: 'rest',
    });
  });
  it('is complete in itself: a colour that goes on is said again', () => {
    expect(composed('\x1b[31mred\nstill\x1b[0m\nplain\n').lines).toEqual([
      '\x1b[31mred\x1b[0m',
      '\x1b[31mstill\x1b[0m',
      'plain',
    ]);
  });
  it('keeps colours of every kind, and neither blinks nor hides', () => {
    expect(composed('\x1b[1;38;5;200;48;2;1;2;3mx\x1b[22;39my\x1b[m\x1b[5;8mz\n').lines).toEqual([
      '\x1b[1;38;5;200;48;2;1;2;3mx\x1b[0m\x1b[48;2;1;2;3my\x1b[0mz',
    ]);
  });
  it('has its level coloured, but never over a colour of its own', () => {
    expect(composed('[INFO] a\n\x1b[35m[INFO]\x1b[0m b\n').lines).toEqual([
      '\x1b[34m[INFO]\x1b[0m a',
      '\x1b[35m[INFO]\x1b[0m b',
    ]);
  });
  it('has a greatest length, and says what is left out', () => {
    const { lines } = composed('x'.repeat(1_000_000) + '\nnext\n');
    expect(lines[0]!.length).toBeLessThan(LONGEST_LINE + 60);
    expect(lines[0]).toContain(`+${1_000_000 - LONGEST_LINE}`);
    expect(lines[1]).toBe('next');
  });
});

describe('a progress bar', () => {
  it('is its last picture', () => {
    expect(composed('\r 10%|#   |\r 50%|##  |\r100%|####|\ndone\n').lines).toEqual(['100%|####|', 'done']);
  });
  it('leaves the rest of a longer picture, unless it is erased', () => {
    expect(composed('long line\rab\n').lines).toEqual(['abng line']);
    expect(composed('long line\r\x1b[Kab\n').lines).toEqual(['ab']);
    expect(composed('long line\x1b[2K\rab\n').lines).toEqual(['ab']);
    expect(composed('abc\x1b[1Kd\n').lines).toEqual(['   d']);
  });
  it('moves within its line', () => {
    expect(composed('abc\b\bX\x1b[2CY\x1b[2GZ\x1b[3D!\n').lines).toEqual(['!Zc Y']);
    expect(composed('a\tb\n').lines).toEqual(['a       b']);
  });
  it('keeps its colours cell by cell', () => {
    expect(composed('\x1b[31mred\x1b[0m\r\x1b[32mg\x1b[0m\n').lines).toEqual([
      '\x1b[32mg\x1b[0m\x1b[31med\x1b[0m',
    ]);
  });
  it('counts wide and combining characters as the screen does', () => {
    expect(composed('損失\rab\n').lines).toEqual(['ab失']);
    expect(composed('損失\ra\n').lines).toEqual(['a 失']);
    expect(composed('🙂x\x1b[3Gy\n').lines).toEqual(['🙂y']);
    expect(composed('e\u0301x\r\x1b[1Cy\n').lines).toEqual(['e\u0301y']);
  });
  it('is not longer than a line may be, wherever it is told to move', () => {
    expect(composed('\x1b[999999999Cx\n').lines[0]!.length).toBeLessThan(100 + LONGEST_LINE);
    expect(composed('a\x1b[99999999999Gx\n').lines[0]!.length).toBeLessThan(100 + LONGEST_LINE);
  });
});

describe('cuts', () => {
  it('change nothing, wherever they are', () => {
    const text =
      '\x1b[31m[INFO] a\x1b[0m\r\n損失\r 1%\x1b[K\r 2%|█|\nTraceback (most recent call last):\n  x\nBoom: 1\n[WARN] 🙂 open';
    const expected = composed(text);
    const chars = [...text];
    for (let cut = 1; cut < chars.length; cut++) {
      const [first, second] = [chars.slice(0, cut).join(''), chars.slice(cut).join('')];
      const composer = new LineComposer();
      const lines: Line[] = [
        ...composer.push(first, 0, bytes(first)),
        ...composer.push(second, bytes(first), bytes(second)),
      ];
      expect(lines.map(line => line.text)).toEqual(expected.lines);
      expect(lines.map(line => line.offset)).toEqual(expected.offsets);
      expect(composer.open(1e9)).toBe(expected.open);
    }
  });
  it('by missing bytes end the line', () => {
    const composer = new LineComposer();
    composer.push('\x1b[31mhalf', 0, 9);
    expect(composer.breakOff().map(line => line.text)).toEqual(['\x1b[31mhalf\x1b[0m']);
    expect(composer.push('plain\n', 100, 6)).toEqual([{ text: 'plain', offset: 100 }]);
  });
  it('of bytes that are no UTF-8 do not shift what follows', () => {
    const composer = new LineComposer();
    composer.push('a\ufffd\ufffdb\n', 0, 5);
    expect(composer.push('next\n', 5, 5)).toEqual([{ text: 'next', offset: 5 }]);
  });
});

describe('the open line', () => {
  it('is drawn as far as the screen has room', () => {
    const composer = new LineComposer();
    composer.push('x'.repeat(5000), 0, 5000);
    expect(composer.open(600).length).toBeLessThanOrEqual(600);
  });
});
