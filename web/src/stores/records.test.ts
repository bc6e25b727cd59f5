import { describe, expect, it } from 'vitest';
import { FOLDED, folded, partsOf } from './records';

describe('a record', () => {
  it('of a chat is its turns, with the words of the file for who speaks', () => {
    const turns = [
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: 'Hello' },
    ];
    expect(partsOf({ messages: turns })).toEqual([
      { label: 'user', text: 'Hi' },
      { label: 'assistant', text: 'Hello' },
    ]);
    expect(partsOf({ system: 'Short.', conversations: [{ from: 'human', value: 'Hi' }] })).toEqual([
      { label: 'system', text: 'Short.' },
      { label: 'human', text: 'Hi' },
    ]);
  });

  it('of a task keeps its order, and shows that the input is empty', () => {
    const found = partsOf({ output: 'b', id: 7, instruction: 'a', input: '' });
    expect(found.map(one => one.label)).toEqual(['instruction', 'input', 'output', 'id']);
    expect(found[3]!.text).toBe('7');
  });

  it('that is none of these is shown key by key, whatever lies in it', () => {
    for (const odd of [
      {},
      { messages: 'no list' },
      { messages: [null, 3, 'x'] },
      { a: { b: [1] } },
      { text: null },
    ])
      expect(partsOf(odd as Record<string, unknown>).every(one => typeof one.text === 'string')).toBe(true);
    expect(partsOf({ a: { b: [1] } })).toEqual([{ label: 'a', text: '{"b":[1]}' }]);
  });

  it('that is long is cut where it is folded, and says so', () => {
    const long = partsOf({ instruction: 'a', output: 'b'.repeat(FOLDED * 2) });
    expect(folded(long).cut).toBe(true);
    expect(folded(long).parts[1]!.text.endsWith('…')).toBe(true);
    expect(folded(partsOf({ text: 'short' })).cut).toBe(false);
  });
});
