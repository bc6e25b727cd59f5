import { describe, expect, it } from 'vitest';
import type { Ack } from '../wire/generated';
import { acknowledged, isOpen, merged, type CommandView } from './commands';

const view = (state: CommandView['state'], id = 'a', issuedAt = 1): CommandView => ({
  id,
  command: 'pause',
  issuedAt,
  state,
  step: null,
  detail: null,
});
const ack = (state: Ack['state'], id = 'a'): Ack => ({
  type: 'ack',
  seq: 1,
  time: 1,
  attempt: 1,
  command_id: id,
  state,
  step: 12,
  detail: null,
});

describe('commands', () => {
  it('go from requested over accepted to applied', () => {
    const accepted = acknowledged([view('requested')], ack('accepted'));
    expect(accepted[0]!.state).toBe('accepted');
    expect(acknowledged(accepted, ack('applied'))[0]).toMatchObject({ state: 'applied', step: 12 });
  });

  it('never go back when answers come out of order', () => {
    expect(acknowledged([view('applied')], ack('accepted'))[0]!.state).toBe('applied');
    expect(merged([view('applied')], [view('requested')])[0]!.state).toBe('applied');
  });

  it('take a late answer over a time-out', () => {
    expect(acknowledged([view('timed_out')], ack('applied'))[0]!.state).toBe('applied');
  });

  it('stay in the order in which they were given', () => {
    expect(merged([view('applied', 'b', 2)], [view('requested', 'a', 1)]).map(v => v.id)).toEqual(['a', 'b']);
  });

  it('are open until answered', () => {
    expect(isOpen(view('sending'))).toBe(true);
    expect(isOpen(view('rejected'))).toBe(false);
    expect(isOpen(undefined)).toBe(false);
  });
});
