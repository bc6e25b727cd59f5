import { describe, expect, it } from 'vitest';
import { stretched } from './fingers';

describe('two fingers', () => {
  it('keep the places that they hold beneath them', () => {
    const span = stretched({ pixel: 100, place: 40 }, { pixel: 300, place: 60 }, 400)!;
    expect(span).toEqual({ from: 30, to: 70 });
  });

  it('say nothing while they touch, or pass each other', () => {
    expect(stretched({ pixel: 100, place: 40 }, { pixel: 106, place: 60 }, 400)).toBeNull();
    expect(stretched({ pixel: 300, place: 40 }, { pixel: 100, place: 60 }, 400)).toBeNull();
  });
});
