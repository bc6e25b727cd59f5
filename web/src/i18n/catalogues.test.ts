import { expect, test } from 'vitest';

type Part = Record<string, Record<string, string>>;
const parts: Record<string, Part> = import.meta.glob('./{en,ru}/*.ts', { eager: true });

for (const language of ['en', 'ru'])
  test(`a message stands in one part of the ${language} catalogue`, () => {
    const keys = Object.entries(parts)
      .filter(([path]) => path.startsWith(`./${language}/`) && !path.endsWith('/index.ts'))
      .flatMap(([, part]) => Object.keys(Object.values(part)[0]!));
    expect(keys.length).toBeGreaterThan(500);
    expect(keys.filter((key, at) => keys.indexOf(key) !== at)).toEqual([]);
  });
