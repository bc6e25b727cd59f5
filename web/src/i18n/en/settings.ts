/** English: the settings. */
export const settings = {
  'settings.open': 'Settings',
  'settings.theme': 'Theme',
  'settings.dark': 'Dark',
  'settings.light': 'Light',
  'settings.system': 'System',
  'settings.language': 'Language',
} as const satisfies Record<string, string>;
