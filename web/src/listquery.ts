/** What a list of runs is asked for, in the words of its address. Upstream: the address. Downstream: the history's store. */
export const SORTS = ['created', 'name', 'profile', 'dataset', 'status', 'loss', 'duration'] as const;
export type Sort = (typeof SORTS)[number];

export interface ListQuery {
  q: string;
  status: string;
  profile: string;
  dataset: string;
  tag: string;
  source: string;
  sort: Sort;
  order: 'asc' | 'desc';
  /** From 1. */
  page: number;
}

export const FILTERS = ['status', 'profile', 'dataset', 'tag', 'source'] as const;
export type Filter = (typeof FILTERS)[number];

export const PLAIN: ListQuery = {
  q: '',
  status: '',
  profile: '',
  dataset: '',
  tag: '',
  source: '',
  sort: 'created',
  order: 'desc',
  page: 1,
};

/** Numbers and times begin with the greatest, words with A. */
export function firstOrder(sort: Sort): 'asc' | 'desc' {
  return sort === 'created' || sort === 'duration' ? 'desc' : 'asc';
}

/** The same column again turns the order round. */
export function sortedBy(query: ListQuery, sort: Sort): ListQuery {
  const turned = query.order === 'asc' ? 'desc' : 'asc';
  return { ...query, sort, order: query.sort === sort ? turned : firstOrder(sort), page: 1 };
}

/** Whether runs may be left out. */
export function isFiltered(query: ListQuery): boolean {
  return query.q.trim() !== '' || FILTERS.some(name => query[name] !== '');
}

export function readQuery(search: string): ListQuery {
  const given = new URLSearchParams(search);
  const text = (name: string) => given.get(name) ?? '';
  const sort = SORTS.find(one => one === given.get('sort')) ?? PLAIN.sort;
  const order = given.get('order');
  return {
    q: text('q'),
    status: text('status'),
    profile: text('profile'),
    dataset: text('dataset'),
    tag: text('tag'),
    source: text('source'),
    sort,
    order: order === 'asc' || order === 'desc' ? order : firstOrder(sort),
    page: Math.max(1, Math.floor(Number(given.get('page'))) || 1),
  };
}

/** Without a question mark; empty for the plain list. */
export function writeQuery(query: ListQuery): string {
  const said = new URLSearchParams();
  for (const name of ['q', ...FILTERS] as const) if (query[name].trim()) said.set(name, query[name].trim());
  if (query.sort !== PLAIN.sort) said.set('sort', query.sort);
  if (query.order !== firstOrder(query.sort)) said.set('order', query.order);
  if (query.page > 1) said.set('page', String(query.page));
  return said.toString();
}
