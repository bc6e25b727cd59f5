import { expect, test } from 'vitest';
import { fileName } from './download';

test('the name of a file is the one that the server encoded', () => {
  const said = `attachment; filename="_____ 1.csv"; filename*=UTF-8''%D0%9E%D0%BF%D1%8B%D1%82%201.csv`;
  expect(fileName(said)).toBe('Опыт 1.csv');
});

test('a name that was not encoded, or wrongly, is still a name', () => {
  expect(fileName('attachment; filename=console.log')).toBe('console.log');
  expect(fileName(`attachment; filename="a.csv"; filename*=UTF-8''%E0%A4%A`)).toBe('a.csv');
  expect(fileName(null)).toBe('export');
});
