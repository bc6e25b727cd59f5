/** The page shown now. Links inside the base path change it without a load. Upstream: the address. Downstream: the pages. */
import { baseUrl } from '../net/base';
import { matchRoute, pathOf, type Route } from '../route';
import { lookAhead } from './firstlook';

class Router {
  #route = $state.raw<Route>({ page: 'overview' });
  /** Whether another page was shown before this one. */
  #moved = false;

  get route(): Route {
    return this.#route;
  }

  start(): void {
    this.#read();
    addEventListener('popstate', () => this.#move());
    addEventListener('click', event => this.#click(event));
  }

  href(route: Exclude<Route, { page: 'missing' }>): string {
    const { pathname, search } = new URL(pathOf(route), baseUrl());
    return pathname + search;
  }

  go(route: Exclude<Route, { page: 'missing' }>): void {
    this.#visit(this.href(route));
  }

  /** The address of what a page shows by now, to be shared and reloaded; the page stays as it is. */
  note(route: Exclude<Route, { page: 'missing' }>): void {
    history.replaceState(null, '', this.href(route));
  }

  /** The content of a page that shows: the focus goes along into it, or it would stay on what has gone. */
  arrived = (main: HTMLElement): void => {
    if (this.#moved) main.focus({ preventScroll: true });
  };

  #visit(path: string): void {
    history.pushState(null, '', path);
    this.#move();
    scrollTo(0, 0);
  }

  #move(): void {
    this.#moved = true;
    this.#read();
  }

  #read(): void {
    this.#route = matchRoute(location.pathname, baseUrl().pathname, location.search);
    if (this.#route.page === 'run') lookAhead(this.#route.id);
  }

  #click(event: MouseEvent): void {
    if (
      event.defaultPrevented ||
      event.button !== 0 ||
      event.metaKey ||
      event.ctrlKey ||
      event.shiftKey ||
      event.altKey
    )
      return;
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (!link || link.target || link.hasAttribute('download') || link.origin !== location.origin) return;
    if (matchRoute(link.pathname, baseUrl().pathname).page === 'missing' || link.hash) return;
    event.preventDefault();
    this.#visit(link.pathname + link.search);
  }
}

export const router = new Router();
