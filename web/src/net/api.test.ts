import { describe, expect, it } from 'vitest';
import { ApiError } from './api';

describe('what was refused', () => {
  it('is told once where there is one wrong field, and field by field where there are more', () => {
    const path = { field: 'path', message: '/etc leads out.' };
    expect(new ApiError(422, { detail: '/etc leads out.', errors: [path] }).fields).toEqual([]);
    const epochs = { field: 'epochs', message: 'a number is needed' };
    expect(new ApiError(422, { detail: 'Two fields are wrong.', errors: [path, epochs] }).fields).toEqual([
      'path: /etc leads out.',
      'epochs: a number is needed',
    ]);
    expect(new ApiError(422, { errors: [{ loc: ['body', 'name'], msg: 'too long' }] }).fields).toEqual([
      'name: too long',
    ]);
  });
});
