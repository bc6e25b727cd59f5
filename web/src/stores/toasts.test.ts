import { beforeEach, describe, expect, it } from 'vitest';
import type { AlertRecord } from '../wire/generated';
import { Toasts } from './toasts.svelte';

const alert = (id: string, level: AlertRecord['level'] = 'warning', more: Partial<AlertRecord> = {}) =>
  ({
    id,
    run_id: 'r',
    code: id,
    level,
    message: '',
    data: {},
    acknowledged_at: null,
    ...more,
  }) as AlertRecord;

let toasts: Toasts;
const ids = (): string[] => toasts.all.map(toast => toast.alert.id);

beforeEach(() => (toasts = new Toasts()));

describe('toasts', () => {
  it('stand the newest first, three in sight', () => {
    for (const id of ['a', 'b', 'c', 'd']) toasts.show(alert(id));
    expect(toasts.inSight(3).map(toast => toast.alert.id)).toEqual(['d', 'c', 'b']);
    expect(toasts.all).toHaveLength(4);
  });

  it('keep a critical one in sight', () => {
    for (const one of [alert('bad', 'critical'), alert('b'), alert('c'), alert('d')]) toasts.show(one);
    expect(toasts.inSight(3).map(toast => toast.alert.id)).toEqual(['d', 'c', 'bad']);
    expect(toasts.inSight(1).map(toast => toast.alert.id)).toEqual(['bad']);
  });

  it('show the last of a kind in place of the one before', () => {
    toasts.show(alert('a', 'info', { code: 'checkpoint_verified' }));
    toasts.show(alert('b', 'info', { code: 'checkpoint_verified', run_id: 'other' }));
    toasts.show(alert('c', 'info', { code: 'checkpoint_verified' }));
    expect(ids()).toEqual(['c', 'b']);
  });

  it('go when their time is over, critical ones never', () => {
    toasts.show(alert('notice', 'info'));
    toasts.show(alert('warning'));
    toasts.show(alert('bad', 'critical'));
    toasts.pass(6);
    expect(ids()).toEqual(['bad', 'warning']);
    toasts.pass(60);
    expect(ids()).toEqual(['bad']);
    toasts.pass(1e9);
    expect(ids()).toEqual(['bad']);
  });

  it('go when somebody acknowledges them, wherever that is', () => {
    toasts.show(alert('a', 'critical'));
    toasts.update(alert('a', 'critical', { message: 'worse' }));
    expect(toasts.all[0]!.alert.message).toBe('worse');
    toasts.update(alert('a', 'critical', { acknowledged_at: 5 }));
    expect(ids()).toEqual([]);
  });

  it('do not come for what is acknowledged already', () => {
    toasts.show(alert('a', 'critical', { acknowledged_at: 5 }));
    expect(ids()).toEqual([]);
  });
});
