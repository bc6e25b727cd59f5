/** English: the catalog: profiles, datasets, presets. */
export const catalog = {
  'catalog.profiles': 'Profiles',
  'catalog.datasets': 'Datasets',
  'catalog.presets': 'Presets',
  'catalog.documents': 'Documents',
} as const satisfies Record<string, string>;
