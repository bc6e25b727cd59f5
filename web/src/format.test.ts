import { describe, expect, it } from 'vitest';
import {
  about,
  ago,
  bytes,
  clock,
  compact,
  duration,
  epochPercent,
  exact,
  knownProgress,
  loss,
  percent,
  scientific,
  shownEpoch,
  signed,
  toNumber,
} from './format';

describe('unknown', () => {
  it('is an em dash, never 0', () => {
    for (const format of [loss, compact, bytes, duration, percent, scientific, signed])
      expect(format(null)).toBe('—');
    expect(ago(undefined, 10)).toBe('—');
    expect(toNumber(null)).toBeNull();
  });

  it('is not what a broken loss is', () => {
    expect(loss('NaN')).toBe('NaN');
    expect(loss('Infinity')).toBe('∞');
    expect(loss('-Infinity')).toBe('−∞');
    expect(toNumber('word')).toBeNull();
  });
});

describe('numbers', () => {
  it('shows a loss with four decimals', () => expect(loss(4.83)).toBe('4.8300'));
  it('shows zero as zero', () => expect(loss(0)).toBe('0.0000'));
  it('signs a delta with a real minus', () => {
    expect(signed(-0.0003)).toBe('−0.0003');
    expect(signed(0.5, 1)).toBe('+0.5');
  });
  it('shortens thousands', () => {
    expect(compact(812.4)).toBe('812');
    expect(compact(2847)).toBe('2.85k');
    expect(compact(28_470)).toBe('28.5k');
  });
  it('writes small rates with an exponent', () => {
    expect(scientific(1.2e-5)).toBe('1.2e-5');
    expect(scientific(0.003)).toBe('0.003');
    expect(scientific(1e-4)).toBe('1e-4');
  });
  it('uses decimal bytes', () => {
    expect(bytes(0)).toBe('0 B');
    expect(bytes(999)).toBe('999 B');
    expect(bytes(142.3e9)).toBe('142 GB');
  });
});

describe('times', () => {
  it('keeps the two largest units', () => {
    expect(duration(0)).toBe('0 s');
    expect(duration(192)).toBe('3 min 12 s');
    expect(duration(3600)).toBe('1 h');
    expect(duration(252_720)).toBe('2 d 22 h');
  });
  it('estimates in round units', () => {
    expect(about(42)).toBe('42 s');
    expect(about(125)).toBe('2 min');
    expect(about(3700)).toBe('1 h');
    expect(about(4100)).toBe('1 h 10 min');
    expect(about(-3)).toBe('0 s');
    expect(about(null)).toBe('—');
  });
  it('is never negative', () => expect(duration(-5)).toBe('0 s'));
  it('tells how long ago', () => {
    expect(ago(100, 100.4)).toBe('just now');
    expect(ago(100, 104.9)).toBe('4 s ago');
    expect(ago(100, 250)).toBe('2 min ago');
    expect(ago(200, 100)).toBe('just now');
  });
});

describe('bounds', () => {
  it('have every digit, grouped so that their size is seen', () => {
    expect([10_000_000, 0, 0.05, 1e-5, 1e20, 1234.5678901].map(exact)).toEqual([
      '10,000,000',
      '0',
      '0.05',
      '1e-5',
      '1e+20',
      '1,234.5678901',
    ]);
  });
});

describe('epochs', () => {
  it('shows floor + 1, at most the total', () => {
    expect(shownEpoch(0, 3)).toBe(1);
    expect(shownEpoch(1.5, 3)).toBe(2);
    expect(shownEpoch(3, 3)).toBe(3);
    expect(shownEpoch(0.2, 0.5)).toBe(1);
    expect(shownEpoch(4.2, null)).toBe(5);
    expect(shownEpoch(null, 3)).toBeNull();
    expect(shownEpoch(0, 0)).toBeNull();
  });
  it('are unknown where PULSE v1 says 0 of 0', () => {
    expect(epochPercent(0, 0)).toBeNull();
    expect(knownProgress({ progress: 0, total_epochs: null, state: 'running' })).toBeNull();
    expect(knownProgress({ progress: 0, total_epochs: 3, state: 'running' })).toBe(0);
    expect(knownProgress({ progress: 100, total_epochs: null, state: 'done' })).toBe(100);
  });
  it('fills the last epoch when all is done', () => {
    expect(epochPercent(3, 3)).toBe(100);
    expect(epochPercent(1, 3)).toBe(0);
    expect(epochPercent(1.25, 3)).toBe(25);
    expect(epochPercent(null, 3)).toBeNull();
  });
});

describe('the wall clock', () => {
  const now = Date.UTC(2026, 10, 22, 12) / 1000;
  it('tells the year of another year, and no hour', () => {
    expect(clock(Date.UTC(2023, 10, 14, 12) / 1000, now)).toBe('Nov 14, 2023');
    expect(clock(Date.UTC(2026, 9, 14, 12) / 1000, now)).toMatch(/^Oct 14, /);
  });
});
