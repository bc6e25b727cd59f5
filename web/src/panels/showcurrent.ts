/** A row of links that is wider than the screen begins where the open one is seen. Upstream: the route. Downstream: rows of links. */
export function showCurrent(row: HTMLElement): void {
  const current = row.querySelector<HTMLElement>('[aria-current]');
  if (!current) return;
  const over = current.offsetLeft + current.offsetWidth - row.offsetLeft - row.clientWidth;
  row.scrollLeft = Math.max(0, over);
}
