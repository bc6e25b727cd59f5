/** Russian: the live training stream. */
import type { terminal as english } from '../en/terminal';

export const terminal: Record<keyof typeof english, string> = {
  'stream.title': 'Ход обучения вживую',
  'stream.autoscroll': 'Автопрокрутка',
  'stream.raw': 'Весь журнал',
  'stream.skipped': 'пропущено байт: {n}, они есть в полном журнале',
  'stream.loading': 'Загружается журнал',
  'stream.empty': 'Вывода ещё нет',
  'stream.none': 'Вывода нет',
  'stream.failed': 'Журнал не читается: {reason}',
};
