import { describe, expect, it } from 'vitest';
import type { Ack } from '../wire/generated';
import { acknowledged, isOpen, latest, mayForce, merged, stateAt, type CommandView } from './commands';

const view = (state: CommandView['state'], id = 'a', issuedAt = 1, command = 'pause'): CommandView => ({
  id,
  command,
  args: {},
  issuedAt,
  changedAt: issuedAt,
  issuedBy: 'browser',
  attempt: 1,
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
    expect(isOpen(accepted[0])).toBe(true);
    const applied = acknowledged(accepted, ack('applied'));
    expect(applied[0]).toMatchObject({ state: 'applied', step: 12, changedAt: 1 });
    expect(isOpen(applied[0])).toBe(false);
  });

  it('are never made less true by a late answer', () => {
    const applied = acknowledged([view('requested')], ack('applied'));
    expect(merged(applied, [view('requested')])[0]!.state).toBe('applied');
    expect(acknowledged(applied, ack('accepted'))[0]!.state).toBe('applied');
  });

  it('are shown oldest first, each once', () => {
    const known = merged([view('requested', 'b', 5)], [view('applied', 'a', 2), view('accepted', 'b', 5)]);
    expect(known.map(one => [one.id, one.state])).toEqual([
      ['a', 'applied'],
      ['b', 'accepted'],
    ]);
  });

  it('ignore answers to commands of others', () => {
    expect(acknowledged([view('requested')], ack('applied', 'z'))).toEqual([view('requested')]);
  });

  it('time out on the screen alone: a late answer wins', () => {
    const late = view('requested', 'a', 100);
    expect(stateAt(late, 129)).toBe('requested');
    expect(stateAt(late, 131)).toBe('timed_out');
    expect(isOpen(late, 131)).toBe(false);
    const [accepted] = acknowledged([late], ack('accepted'));
    expect(stateAt(accepted!, 500)).toBe('accepted');
  });

  it('are told apart by their button', () => {
    const views = [view('applied', 'a', 1, 'suspend'), view('applied', 'b', 2, 'set')];
    expect(latest(views, 'pause')?.id).toBe('a');
    expect(latest(views, 'set')?.id).toBe('b');
    expect(latest(views, 'validate')).toBeUndefined();
  });
});

describe('a stop', () => {
  const asked = view('requested', 'a', 100, 'stop');

  it('may be forced when nobody took it for 10 s', () => {
    expect(mayForce([asked], 109)).toBe(false);
    expect(mayForce([asked], 110)).toBe(true);
    expect(mayForce([view('timed_out', 'a', 100, 'stop')], 140)).toBe(true);
  });

  it('is not forced once it was taken, nor twice', () => {
    expect(mayForce([view('accepted', 'a', 100, 'stop')], 200)).toBe(false);
    expect(mayForce([view('rejected', 'a', 100, 'stop')], 200)).toBe(false);
    expect(mayForce([asked, view('requested', 'b', 111, 'terminate')], 200)).toBe(false);
    expect(mayForce([], 200)).toBe(false);
  });
});
