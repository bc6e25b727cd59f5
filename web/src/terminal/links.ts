/** Web addresses in the log: opened only by a click with Ctrl (or Cmd), in a page that learns nothing of this one. Upstream: the terminal's rows. Downstream: terminal. */
import type { ILink, ILinkProvider, Terminal } from '@xterm/xterm';

const ADDRESS = /https?:\/\/[^\s"'<>`\\^{}|]*[^\s"'<>`\\^{}|.,;:!?)\]]/g;
const LONGEST = 2000;

export function webLinks(terminal: Terminal, describe: () => string): ILinkProvider {
  return {
    provideLinks(row, callback) {
      const text = terminal.buffer.active.getLine(row - 1)?.translateToString(true) ?? '';
      const links: ILink[] = [];
      for (const found of text.matchAll(ADDRESS)) {
        const [address] = found;
        if (address.length > LONGEST) continue;
        const x = found.index + 1;
        links.push({
          text: address,
          range: { start: { x, y: row }, end: { x: x + address.length - 1, y: row } },
          activate(event) {
            if (event.ctrlKey || event.metaKey) open(address, '_blank', 'noopener,noreferrer');
          },
          hover() {
            terminal.element!.title = describe();
          },
          leave() {
            terminal.element!.removeAttribute('title');
          },
        });
      }
      callback(links.length ? links : undefined);
    },
  };
}
