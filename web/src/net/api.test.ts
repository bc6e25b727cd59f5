import { afterEach, describe, expect, it, vi } from 'vitest';
import { ApiError, get, onSignedOut } from './api';

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

describe('who is signed out', () => {
  afterEach(() => vi.unstubAllGlobals());

  it('asks the server nothing but who is signed in, until somebody is', async () => {
    const asked: string[] = [];
    let known = false;
    vi.stubGlobal('document', { baseURI: 'http://127.0.0.1/lab/' });
    vi.stubGlobal('fetch', (url: URL) => {
      asked.push(url.pathname.split('/').at(-1)!);
      const body = known ? {} : { code: 'not_authenticated', detail: 'Sign in.' };
      return Promise.resolve(new Response(JSON.stringify(body), { status: known ? 200 : 401 }));
    });
    const told = vi.fn();
    onSignedOut(told);
    const refused = { status: 401, code: 'not_authenticated' };
    await expect(get('home')).rejects.toMatchObject(refused);
    await expect(get('home')).rejects.toMatchObject(refused);
    await expect(get('session')).rejects.toMatchObject(refused);
    expect(asked).toEqual(['home', 'session']);
    expect(told).toHaveBeenCalledTimes(2);
    known = true;
    await get('session');
    await get('home');
    expect(asked).toEqual(['home', 'session', 'session', 'home']);
  });

  it('is not who was refused before the server said who is there', async () => {
    let refuse = (): void => {};
    const late = new Promise<Response>(
      resolve => (refuse = () => resolve(new Response('{}', { status: 401 }))),
    );
    vi.stubGlobal('document', { baseURI: 'http://127.0.0.1/' });
    vi.stubGlobal('fetch', (url: URL) =>
      url.pathname.endsWith('home') ? late : Promise.resolve(new Response('{}')),
    );
    const told = vi.fn();
    onSignedOut(told);
    const asked = get('home');
    await get('session');
    refuse();
    await expect(asked).rejects.toMatchObject({ status: 401 });
    expect(told).not.toHaveBeenCalled();
    await get('session');
  });
});
