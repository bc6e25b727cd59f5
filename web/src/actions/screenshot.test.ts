import { describe, expect, it } from 'vitest';
import { nameOf } from './screenshot';

describe('the name of a screenshot', () => {
  const at = new Date(2026, 10, 2, 7, 5, 9);

  it('says what and when, in the order of time', () => {
    expect(nameOf('tiny-moe', at)).toBe('tiny-moe-20261102-070509.png');
  });

  it('is a file name anywhere', () => {
    expect(nameOf('пробный/запуск: 1', at)).toBe('пробный-запуск-1-20261102-070509.png');
    expect(nameOf('', at)).toBe('console-20261102-070509.png');
  });
});
