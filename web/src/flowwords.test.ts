import { describe, expect, it } from 'vitest';
import { labelOf, nameOf, valueOf } from './flowwords';

describe('what a flow gave', () => {
  it('is told in as many digits as people read', () => {
    expect(valueOf('loss', 0.6666666666666666)).toBe('0.6667');
    expect(valueOf('eval_loss', 'NaN')).toBe('NaN');
    expect(valueOf('free_gb', 58.5)).toBe('58.5 GB');
    expect(valueOf('state', 'done')).toBe('Done');
  });

  it('stays as it is where nobody knows what it means', () => {
    expect(valueOf('mine', 0.6666666666666666)).toBe('0.6666666666666666');
    expect(valueOf('state', 'odd')).toBe('odd');
    expect(nameOf('my_folder')).toBe('my_folder');
    expect(labelOf('my_folder')).toBe('My folder');
    expect(labelOf('path')).toBe('Path');
  });
});
