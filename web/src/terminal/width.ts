/** How many cells a character takes: one table for the lines that we compose and for the terminal that draws them. Upstream: Unicode. Downstream: lines, terminal. */

const UNKNOWN = 255;
const ZERO = /^[\p{M}\p{Cf}\u1160-\u11ff]$/u;
const EMOJI = /^\p{Emoji_Presentation}$/u;
/** East Asian wide and full-width blocks. */
const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0xa4cf],
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe10, 0xfe19],
  [0xfe30, 0xfe6f],
  [0xff01, 0xff60],
  [0xffe0, 0xffe6],
  [0x1f200, 0x1f2ff],
  [0x20000, 0x3fffd],
];
const known = new Uint8Array(0x20000).fill(UNKNOWN);

export function cellWidth(code: number): 0 | 1 | 2 {
  if (code >= 0x20 && code < 0x300) return code === 0xad ? 0 : 1;
  if (code < 0x20) return 0;
  if (code >= known.length) return look(code);
  let width = known[code]!;
  if (width === UNKNOWN) known[code] = width = look(code);
  return width as 0 | 1 | 2;
}

function look(code: number): 0 | 1 | 2 {
  const char = String.fromCodePoint(code);
  if (ZERO.test(char)) return 0;
  if (WIDE.some(([first, last]) => code >= first && code <= last) || EMOJI.test(char)) return 2;
  return 1;
}

/** The same table in the shape that xterm.js asks for. */
export const unicode = {
  version: 'gladius',
  wcwidth: cellWidth,
  /** Width in bits 1 and 2; bit 0 joins a character to the one before it. */
  charProperties(code: number, preceding: number): number {
    let width: number = cellWidth(code);
    const before = (preceding >> 1) & 3;
    const joins = width === 0 && preceding !== 0 && before !== 0;
    if (joins && before > width) width = before;
    return (width << 1) | (joins ? 1 : 0);
  },
};
