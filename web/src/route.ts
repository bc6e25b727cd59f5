/** Addresses to pages and back, relative to the base path. Upstream: the address. Downstream: the router. */
export const CATALOG_PARTS = ['profiles', 'datasets', 'presets', 'documents'] as const;
export type CatalogPart = (typeof CATALOG_PARTS)[number];

/** What admins see beside the settings themselves. */
export const SETTINGS_PARTS = ['users', 'tokens', 'audit'] as const;
export type SettingsPart = (typeof SETTINGS_PARTS)[number];

export type Route =
  | { page: 'overview' }
  | { page: 'runs'; query?: string }
  | { page: 'run'; id: string }
  | { page: 'compare'; runs: string[] }
  | { page: 'flows'; run?: string }
  | { page: 'catalog'; part: CatalogPart }
  | { page: 'settings'; part?: SettingsPart }
  | { page: 'missing'; path: string };

/** The page that `pathname` and `search` name when the site lives at `base` (a path that ends with a slash). */
export function matchRoute(pathname: string, base: string, search = ''): Route {
  const inside =
    pathname === base.slice(0, -1) ? '' : pathname.startsWith(base) ? pathname.slice(base.length) : null;
  if (inside === null) return { page: 'missing', path: pathname };
  const parts = inside.split('/').filter(Boolean).map(decode);
  const [first, second] = parts;
  if (first === undefined || (first === 'index.html' && second === undefined)) return { page: 'overview' };
  if (parts.length === 1) {
    if (first === 'runs')
      return search.length > 1 ? { page: first, query: search.slice(1) } : { page: first };
    if (first === 'settings' || first === 'flows') return { page: first };
    if (first === 'catalog') return { page: 'catalog', part: 'profiles' };
    if (first === 'compare') return { page: 'compare', runs: comparedIn(search) };
  }
  if (parts.length === 2) {
    if (first === 'runs') return { page: 'run', id: second! };
    if (first === 'flows') return { page: 'flows', run: second! };
    if (first === 'catalog' && isPart(second!)) return { page: 'catalog', part: second };
    if (first === 'settings' && isSettingsPart(second!)) return { page: 'settings', part: second };
  }
  return { page: 'missing', path: `/${inside.split('/').filter(Boolean).join('/')}` };
}

function isPart(word: string): word is CatalogPart {
  return (CATALOG_PARTS as readonly string[]).includes(word);
}

function isSettingsPart(word: string): word is SettingsPart {
  return (SETTINGS_PARTS as readonly string[]).includes(word);
}

/** The runs of `?runs=a,b`, each once. */
function comparedIn(search: string): string[] {
  const named = new URLSearchParams(search).get('runs') ?? '';
  return [...new Set(named.split(',').filter(Boolean))];
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The path and query of a route, relative to the base path. */
export function pathOf(route: Exclude<Route, { page: 'missing' }>): string {
  switch (route.page) {
    case 'overview':
      return '';
    case 'runs':
      return route.query ? `runs?${route.query}` : 'runs';
    case 'settings':
      return route.part === undefined ? 'settings' : `settings/${route.part}`;
    case 'run':
      return `runs/${encodeURIComponent(route.id)}`;
    case 'compare':
      return route.runs.length ? `compare?runs=${route.runs.map(encodeURIComponent).join(',')}` : 'compare';
    case 'flows':
      return route.run === undefined ? 'flows' : `flows/${encodeURIComponent(route.run)}`;
    case 'catalog':
      return `catalog/${route.part}`;
  }
}
