/** Which thing of a list is shown: it stands in the address, so that a link leads to it. Upstream: the address. Downstream: the catalog. */
export function chosenInAddress(): string {
  return new URLSearchParams(location.search).get('id') ?? '';
}

export function tellAddress(id: string): void {
  const url = new URL(location.href);
  if (id) url.searchParams.set('id', id);
  else url.searchParams.delete('id');
  history.replaceState(history.state, '', url);
}
