/** Paths to pages and back, relative to the base path. Upstream: the address. Downstream: the router. */
export type Route =
  | { page: 'overview' }
  | { page: 'runs' }
  | { page: 'run'; id: string }
  | { page: 'settings' }
  | { page: 'missing'; path: string };

/** The page that `pathname` names when the site lives at `base` (a path that ends with a slash). */
export function matchRoute(pathname: string, base: string): Route {
  const inside =
    pathname === base.slice(0, -1) ? '' : pathname.startsWith(base) ? pathname.slice(base.length) : null;
  if (inside === null) return { page: 'missing', path: pathname };
  const parts = inside.split('/').filter(Boolean);
  if (parts.length === 0 || (parts.length === 1 && parts[0] === 'index.html')) return { page: 'overview' };
  if (parts[0] === 'runs' && parts.length === 1) return { page: 'runs' };
  if (parts[0] === 'settings' && parts.length === 1) return { page: 'settings' };
  if (parts[0] === 'runs' && parts.length === 2) return { page: 'run', id: decode(parts[1]!) };
  return { page: 'missing', path: `/${parts.join('/')}` };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The path of a route, relative to the base path. */
export function pathOf(route: Exclude<Route, { page: 'missing' }>): string {
  switch (route.page) {
    case 'overview':
      return '';
    case 'runs':
      return 'runs';
    case 'settings':
      return 'settings';
    case 'run':
      return `runs/${encodeURIComponent(route.id)}`;
  }
}
