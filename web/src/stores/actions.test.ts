import { describe, expect, it } from 'vitest';
import type { Checkpoint, RunRecord, RunSummary } from '../wire/generated';
import { noteOf, pauseOrResume, reasonAgainst, type Facts, type Situation } from './actions';
import type { CommandView } from './commands';

const summary = (more: Partial<RunSummary> = {}) =>
  ({ state: 'running', stalled: false, suspended: false, attempt: 1, ...more }) as RunSummary;
const record = (more: Partial<RunRecord> = {}) =>
  ({ disabled: {}, resumable: { possible: false, reason: 'It is done' }, ...more }) as RunRecord;
const view = (
  command: string,
  state: CommandView['state'],
  more: Partial<CommandView> = {},
): CommandView => ({
  id: command + state,
  command,
  args: {},
  issuedAt: 100,
  changedAt: 100,
  issuedBy: 'browser',
  attempt: 1,
  state,
  step: 7,
  detail: null,
  ...more,
});
const situation = (more: Partial<Situation> = {}): Situation => ({
  summary: summary(),
  record: record(),
  commands: [],
  connected: true,
  now: 101,
  ...more,
});
const facts: Facts = { saving: null, checkpoints: [], since: () => null };

describe('a button', () => {
  it('is free while the run trains, and waits for the answer to its own last command alone', () => {
    const waiting = situation({ commands: [view('pause', 'accepted')] });
    expect(reasonAgainst('pause', situation())).toBe('');
    expect(reasonAgainst('resume', waiting)).not.toBe('');
    expect(reasonAgainst('checkpoint', waiting)).toBe('');
  });

  it('waits no longer for an answer once the state shows what was asked for', () => {
    const held = situation({
      summary: summary({ state: 'paused' }),
      commands: [view('pause', 'accepted', { args: { mode: 'hold' } })],
    });
    expect(reasonAgainst('resume', held)).toBe('');
    const releasing = [view('pause', 'accepted', { args: { mode: 'release' } })];
    expect(reasonAgainst('resume', { ...held, commands: releasing })).not.toBe('');
    const asked = [view('resume', 'accepted')];
    expect(reasonAgainst('resume', { ...held, commands: asked })).not.toBe('');
    expect(reasonAgainst('pause', situation({ commands: asked }))).toBe('');
  });

  it('tells the reason of the trainer, also for one way of a command', () => {
    const limited = situation({
      record: record({ disabled: { validate: 'cannot', 'pause:release': 'no checkpoints' } }),
    });
    expect(reasonAgainst('validate', limited)).toBe('cannot');
    expect(reasonAgainst('pause', limited, 'hold')).toBe('');
    expect(reasonAgainst('pause', limited, 'release')).toBe('no checkpoints');
  });

  it('is closed without a connection and after the end', () => {
    expect(reasonAgainst('stop', situation({ connected: false }))).not.toBe('');
    expect(reasonAgainst('stop', situation({ summary: summary({ state: 'cancelled' }) }))).not.toBe('');
    expect(reasonAgainst('set', situation({ summary: summary({ state: 'released' }) }))).not.toBe('');
  });

  it('resumes a released run as the server allows it', () => {
    const released = summary({ state: 'released' });
    const possible = record({ resumable: { possible: true, reason: null } });
    expect(reasonAgainst('resume', situation({ summary: released, record: possible }))).toBe('');
    expect(reasonAgainst('resume', situation({ summary: released }))).toBe('It is done');
  });
});

describe('the pause button', () => {
  it('resumes what is held, suspended or released, and what ended but can go on', () => {
    const possible = record({ resumable: { possible: true, reason: null } });
    expect(pauseOrResume(summary(), record())).toBe('pause');
    expect(pauseOrResume(summary({ state: 'paused' }), record())).toBe('resume');
    expect(pauseOrResume(summary({ suspended: true }), record())).toBe('resume');
    expect(pauseOrResume(summary({ state: 'released' }), record())).toBe('resume');
    expect(pauseOrResume(summary({ state: 'error' }), possible)).toBe('resume');
    expect(pauseOrResume(summary({ state: 'done' }), record())).toBe('pause');
  });
});

describe('the note on a button', () => {
  it('never says more than the last answer', () => {
    const note = (state: CommandView['state']) =>
      noteOf('pause', situation({ commands: [view('pause', state)] }), facts);
    expect(note('requested')).toEqual({ text: 'requested', tone: 'busy' });
    expect(note('accepted')).toEqual({ text: 'accepted', tone: 'busy' });
    expect(note('applied')).toEqual({ text: 'paused at step 7', tone: 'good' });
    expect(note('rejected')).toEqual({ text: 'rejected', tone: 'bad' });
    expect(note('outcome_unknown')).toEqual({ text: 'outcome unknown', tone: 'warn' });
  });

  it('tells how a save goes and what was verified', () => {
    const saving = situation({ commands: [view('checkpoint', 'accepted')] });
    expect(noteOf('checkpoint', saving, { ...facts, saving: 'writing' })!.text).toBe('writing');
    const saved = situation({ commands: [view('checkpoint', 'applied')] });
    const checkpoints = [
      { time: 50, bytes: 1, failed: null },
      { time: 101, bytes: 45_200_000, failed: null },
    ] as Checkpoint[];
    expect(noteOf('checkpoint', saved, { ...facts, checkpoints })!.text).toBe('verified, 45.2 MB');
  });

  it('shows the result of a validation and not an older one', () => {
    const done = situation({ commands: [view('validate', 'applied', { args: { split: 'test' } })] });
    const since = (name: string, time: number) =>
      name === 'test/loss' && time <= 100 ? 2.5 : name === 'test/accuracy' ? 0.412 : null;
    expect(noteOf('validate', done, { ...facts, since })!.text).toBe('test 2.5000 · 41.2%');
    expect(noteOf('validate', done, facts)!.text).toBe('applied at step 7');
  });

  it('goes after a while, and with a new attempt', () => {
    const applied = [view('pause', 'applied')];
    expect(noteOf('pause', situation({ commands: applied, now: 170 }), facts)).toBeNull();
    expect(
      noteOf('pause', situation({ commands: [view('pause', 'rejected')], now: 170 }), facts),
    ).not.toBeNull();
    expect(
      noteOf('pause', situation({ commands: applied, summary: summary({ attempt: 2 }) }), facts),
    ).toBeNull();
  });
});
