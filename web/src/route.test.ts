import { describe, expect, it } from 'vitest';
import { matchRoute, pathOf } from './route';

describe('routes', () => {
  it('name their pages', () => {
    expect(matchRoute('/', '/')).toEqual({ page: 'overview' });
    expect(matchRoute('/runs', '/')).toEqual({ page: 'runs' });
    expect(matchRoute('/runs', '/', '?q=a&tag=b')).toEqual({ page: 'runs', query: 'q=a&tag=b' });
    expect(pathOf({ page: 'runs', query: 'q=a&tag=b' })).toBe('runs?q=a&tag=b');
    expect(matchRoute('/settings', '/')).toEqual({ page: 'settings' });
    expect(matchRoute('/runs/', '/')).toEqual({ page: 'runs' });
    expect(matchRoute('/runs/20261121-a%20b', '/')).toEqual({ page: 'run', id: '20261121-a b' });
    expect(matchRoute('/flows', '/')).toEqual({ page: 'flows' });
    expect(matchRoute('/flows/f-1', '/')).toEqual({ page: 'flows', run: 'f-1' });
    expect(matchRoute('/catalog', '/')).toEqual({ page: 'catalog', part: 'profiles' });
    expect(matchRoute('/catalog/datasets', '/')).toEqual({ page: 'catalog', part: 'datasets' });
    expect(matchRoute('/catalog/nonsense', '/')).toEqual({ page: 'missing', path: '/catalog/nonsense' });
    expect(matchRoute('/compare', '/', '?runs=a,b,a')).toEqual({ page: 'compare', runs: ['a', 'b'] });
    expect(matchRoute('/compare', '/')).toEqual({ page: 'compare', runs: [] });
    expect(matchRoute('/nothing', '/')).toEqual({ page: 'missing', path: '/nothing' });
  });

  it('live under a base path', () => {
    expect(matchRoute('/user/me/proxy/8642/', '/user/me/proxy/8642/')).toEqual({ page: 'overview' });
    expect(matchRoute('/user/me/proxy/8642', '/user/me/proxy/8642/')).toEqual({ page: 'overview' });
    expect(matchRoute('/user/me/proxy/8642/runs/r1', '/user/me/proxy/8642/')).toEqual({
      page: 'run',
      id: 'r1',
    });
    expect(matchRoute('/runs/r1', '/user/')).toMatchObject({ page: 'missing' });
  });

  it('come back as they went', () => {
    for (const id of ['a', 'a b', 'ä/ö', '100%']) {
      const route = { page: 'run', id } as const;
      expect(matchRoute(`/x/${pathOf(route)}`, '/x/')).toEqual(route);
    }
  });

  it('carry what is compared in their query', () => {
    const { pathname, search } = new URL(pathOf({ page: 'compare', runs: ['a', 'b c'] }), 'http://x/');
    expect(matchRoute(pathname, '/', search)).toEqual({ page: 'compare', runs: ['a', 'b c'] });
  });

  it('survive a broken escape', () =>
    expect(matchRoute('/runs/%E0%A4%A', '/')).toEqual({ page: 'run', id: '%E0%A4%A' }));
});
