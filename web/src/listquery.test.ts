import { describe, expect, it } from 'vitest';
import { isFiltered, PLAIN, readQuery, sortedBy, writeQuery } from './listquery';

describe('what a list is asked for', () => {
  it('goes into an address and comes back', () => {
    const query = {
      ...PLAIN,
      q: 'a b&c',
      status: 'error',
      tag: 'gut & schön',
      sort: 'loss' as const,
      order: 'desc' as const,
      page: 3,
    };
    expect(readQuery(`?${writeQuery(query)}`)).toEqual(query);
    expect(writeQuery(PLAIN)).toBe('');
    expect(readQuery('')).toEqual(PLAIN);
  });

  it('leaves out what means nothing', () => {
    expect(readQuery('?sort=colour&order=up&page=-4')).toEqual(PLAIN);
    expect(readQuery('?page=2.7').page).toBe(2);
    expect(writeQuery({ ...PLAIN, q: '   ' })).toBe('');
  });

  it('turns round when the same column is chosen again, and begins on the first page', () => {
    const byLoss = sortedBy({ ...PLAIN, page: 4 }, 'loss');
    expect([byLoss.sort, byLoss.order, byLoss.page]).toEqual(['loss', 'asc', 1]);
    expect(sortedBy(byLoss, 'loss').order).toBe('desc');
    expect(sortedBy(byLoss, 'duration').order).toBe('desc');
  });

  it('knows whether runs are left out', () => {
    expect(isFiltered(PLAIN)).toBe(false);
    expect(isFiltered({ ...PLAIN, tag: 'x' })).toBe(true);
    expect(isFiltered({ ...PLAIN, sort: 'loss', page: 2 })).toBe(false);
  });
});
