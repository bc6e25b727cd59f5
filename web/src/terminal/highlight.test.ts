import { describe, expect, it } from 'vitest';
import { Highlighter } from './highlight';

const painted = (line: string) =>
  new Highlighter().spans(line).map(({ from, to, code }) => [line.slice(from, to), code]);

describe('levels', () => {
  it('are tags', () => {
    expect(painted('[INFO] a [WARN] b')).toEqual([
      ['[INFO]', '34'],
      ['[WARN]', '33'],
    ]);
    expect(painted('[ERROR] x')).toEqual([['[ERROR]', '31']]);
    expect(painted('[SUCCESS] x')).toEqual([['[SUCCESS]', '32']]);
    expect(painted('[INFO|trainer.py:2134] 2026-11-22 >> x')).toEqual([['[INFO|trainer.py:2134]', '34']]);
  });
  it('are words of the logging module and of its users', () => {
    expect(painted('INFO:root:message')).toEqual([['INFO', '34']]);
    expect(painted('2026-11-22 10:00:00,123 - trainer - WARNING - slow')).toEqual([['WARNING', '33']]);
    expect(painted('2026-11-22 10:00:00.1 | ERROR    | a:b:1 - gone')).toEqual([['ERROR', '31']]);
    expect(painted('11/22/2026 10:00:00 - CRITICAL - x - no disk')).toEqual([['CRITICAL', '1;31']]);
    expect(painted('10:00:01 DEBUG httpx: get')).toEqual([['DEBUG', '90']]);
  });
  it('are known words only, and not in the middle of a sentence', () => {
    expect(painted('[info] [Epoch 3] [INFORMATION]')).toEqual([]);
    expect(painted('the ERROR rate fell to 3')).toEqual([]);
    expect(painted('INFORMATION: x')).toEqual([]);
    expect(painted('loss 0.1')).toEqual([]);
  });
});

describe('exceptions', () => {
  it('are red where they are named', () => {
    expect(painted('ValueError: bad shape')).toEqual([['ValueError: bad shape', '31']]);
    expect(painted('torch.cuda.OutOfMemoryError: CUDA out of memory')[0]![1]).toBe('31');
    expect(painted('KeyboardInterrupt')).toEqual([['KeyboardInterrupt', '31']]);
    expect(painted('a.py:3: UserWarning: slow path')).toEqual([['a.py:3: UserWarning', '33']]);
    expect(painted('RuntimeErrors were rare')).toEqual([]);
  });
  it('end a traceback, whatever they are called', () => {
    const highlighter = new Highlighter();
    const codes = ['Traceback (most recent call last):', '  File "a.py", line 1, in f', '    f()', 'mine.Halt: now', 'mine.Halt: now'].map(
      line => highlighter.spans(line)[0]?.code ?? '',
    ); // prettier-ignore
    expect(codes).toEqual(['31', '', '', '1;31', '']);
  });
  it('are looked for in linear time', () => {
    const began = performance.now();
    const highlighter = new Highlighter();
    for (const line of ['A'.repeat(100_000), 'a.'.repeat(50_000), '['.repeat(100_000), ' -'.repeat(50_000)])
      highlighter.spans(line);
    expect(performance.now() - began).toBeLessThan(500);
  });
});
