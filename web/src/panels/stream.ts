/** The log's actions for shortcuts and palette, and its menu. Upstream: the desk. Downstream: the stream panel. */
import type { Action } from '../actions/registry.svelte';
import { shortcutOf } from '../actions/shortcut.svelte';
import { t } from '../i18n/index.svelte';
import type { LogDesk } from '../stores/logdesk.svelte';
import { logPrefs } from '../stores/logprefs.svelte';
import type { MenuItem } from '../ui/menu';

const FEW_LINES = 5;

export function logActions(desk: LogDesk, panel: { find: () => unknown; unfold: () => void }): Action[] {
  const { reader } = desk;
  const beside = (aside: 'step' | 'marks') => () => {
    panel.unfold();
    if (desk.aside !== aside) desk.toggleAside(aside);
  };
  const unselected = () => (reader.state.selected ? '' : t('stream.nothing_selected'));
  return [
    { id: 'find', label: () => t('stream.find'), run: panel.find },
    { id: 'clear_log', label: () => t('stream.clear'), run: () => reader.clear() },
    { id: 'copy_log', label: () => t('stream.copy'), reason: unselected, run: () => desk.copy() },
    { id: 'select_log', label: () => t('stream.select_all'), run: () => desk.selectAll() },
    { id: 'log_page_up', label: () => t('stream.page_up'), run: () => reader.page(-1) },
    { id: 'log_page_down', label: () => t('stream.page_down'), run: () => reader.page(1) },
    { id: 'log_top', label: () => t('stream.top'), run: () => reader.top() },
    { id: 'log_bottom', label: () => t('stream.bottom'), run: () => reader.bottom() },
    { id: 'log_up', label: () => t('stream.up'), run: () => desk.scroll(-FEW_LINES) },
    { id: 'log_down', label: () => t('stream.down'), run: () => desk.scroll(FEW_LINES) },
    { id: 'export_log', label: () => t('stream.export'), run: () => desk.exportAll() },
    { id: 'log.step', label: () => t('step.title'), run: beside('step') },
    { id: 'log.bookmarks', label: () => t('marks.title'), run: beside('marks') },
    { id: 'log.next_bookmark', label: () => t('marks.next'), run: () => desk.nextBookmark(1) },
    { id: 'log.previous_bookmark', label: () => t('marks.previous'), run: () => desk.nextBookmark(-1) },
  ];
}

/** The menu of the log, for the line that was pointed at. */
export function logMenu(
  desk: LogDesk,
  line: { offset: number; text: string } | null,
  find: () => unknown,
): MenuItem[] {
  const { reader } = desk;
  const unselected = reader.state.selected ? '' : t('stream.nothing_selected');
  const marked = line !== null && desk.bookmarks.some(mark => mark.offset === line.offset);
  const keys = (id: Parameters<typeof shortcutOf>[0]) => shortcutOf(id);
  return [
    { label: t('stream.copy'), keys: keys('copy_log'), reason: unselected, run: () => desk.copy() },
    { label: t('stream.select_all'), keys: keys('select_log'), run: () => desk.selectAll() },
    { label: t('stream.find'), keys: keys('find'), apart: true, run: find },
    { label: t('step.title'), run: () => desk.aside !== 'step' && desk.toggleAside('step') },
    {
      label: t(marked ? 'stream.unbookmark' : 'stream.bookmark'),
      apart: true,
      reason: line ? '' : t('stream.none'),
      run: () => line && desk.toggleBookmark(line.offset, line.text),
    },
    { label: t('marks.title'), run: () => desk.aside !== 'marks' && desk.toggleAside('marks') },
    { label: t('stream.export'), keys: keys('export_log'), apart: true, run: () => desk.exportAll() },
    { label: t('stream.export_selection'), reason: unselected, run: () => desk.exportSelection() },
    { label: t('stream.clear'), keys: keys('clear_log'), apart: true, run: () => reader.clear() },
    {
      label: t('stream.screen_reader'),
      checked: logPrefs.screenReader,
      run: () => logPrefs.set({ screenReader: !logPrefs.screenReader }),
    },
  ];
}
