import { describe, expect, it } from 'vitest';
import { lossesOf } from './experts';

describe('the losses attributed to an expert', () => {
  it('are those of its number, layer after layer, one for all layers first', () => {
    const names = [
      'moe/loss/10/3',
      'moe/loss/2/3',
      'moe/loss/3',
      'moe/loss/3/1',
      'moe/load/2/3',
      'moe/loss/2/13',
    ];
    expect(lossesOf(names, 3)).toEqual([
      { name: 'moe/loss/3', layer: null },
      { name: 'moe/loss/2/3', layer: 2 },
      { name: 'moe/loss/10/3', layer: 10 },
    ]);
  });
});
