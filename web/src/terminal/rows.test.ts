import { describe, expect, it } from 'vitest';
import { RowBook } from './rows';

/** Lines "ab", "long" (3 rows), "c", and the open one; the cursor stands in row 5. */
const wrapped = [false, false, true, true, false, false];
const buffer = {
  baseY: 2,
  cursorY: 3,
  getLine: (row: number) => (row in wrapped ? { isWrapped: wrapped[row]! } : undefined),
};

function book(): RowBook {
  const rows = new RowBook(100);
  rows.open(10);
  rows.line(10, 13);
  rows.line(13, 300);
  rows.line(300, 302);
  return rows;
}

describe('RowBook', () => {
  it('knows the line of each row', () => {
    const rows = book();
    expect([0, 1, 2, 3, 4, 5].map(row => rows.lineAt(buffer, row))).toEqual([
      { offset: 10, row: 0 },
      { offset: 13, row: 1 },
      { offset: 13, row: 1 },
      { offset: 13, row: 1 },
      { offset: 300, row: 4 },
      { offset: 302, row: 5 },
    ]);
    expect(rows.lineAt(buffer, 6)).toBeNull();
  });
  it('knows the row of each byte, and how many rows its line takes', () => {
    const rows = book();
    expect(rows.rowOf(buffer, 11)).toEqual({ row: 0, height: 1, offset: 10 });
    expect(rows.rowOf(buffer, 250)).toEqual({ row: 1, height: 3, offset: 13 });
    expect(rows.rowOf(buffer, 302)).toEqual({ row: 5, height: 1, offset: 302 });
    expect(rows.rowOf(buffer, 9)).toBeNull();
  });
  it('lets old lines go', () => {
    const rows = new RowBook(10);
    for (let i = 0; i < 1000; i++) rows.line(i * 5, i * 5 + 5);
    expect(rows.firstOffset).toBeGreaterThan(4800);
  });
});
