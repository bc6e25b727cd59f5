/** Russian: the settings. */
import type { settings as english } from '../en/settings';

export const settings: Record<keyof typeof english, string> = {
  'settings.open': 'Настройки',
  'settings.theme': 'Тема',
  'settings.dark': 'Тёмная',
  'settings.light': 'Светлая',
  'settings.system': 'Как в системе',
  'settings.language': 'Язык',
};
