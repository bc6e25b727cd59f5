/** Russian: the catalog: profiles, datasets, presets. */
import type { catalog as english } from '../en/catalog';

export const catalog: Record<keyof typeof english, string> = {
  'catalog.profiles': 'Профили',
  'catalog.datasets': 'Наборы данных',
  'catalog.presets': 'Заготовки',
  'catalog.documents': 'Документы',
};
