import { describe, expect, it } from 'vitest';
import { uuid7 } from './ids';

describe('uuid7', () => {
  it('begins with its milliseconds', () => {
    expect(uuid7(0x0123456789ab)).toMatch(/^01234567-89ab-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });
  it('sorts by time and does not repeat', () => {
    expect(uuid7(1_700_000_000_000) < uuid7(1_700_000_000_001)).toBe(true);
    expect(uuid7(5)).not.toBe(uuid7(5));
  });
});
