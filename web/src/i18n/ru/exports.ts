/** Russian: exports. */
import type { exports as english } from '../en/exports';

export const exports: Record<keyof typeof english, string> = {
  'export.title': 'Выгрузить метрики',
  'export.what': 'Что выгрузить',
  'export.all': 'Всё, одним ZIP-файлом',
  'export.all_text':
    'Метрики в CSV и JSON, настройки, отчёт, события и журнал без изменений, графики с этой страницы',
  'export.csv': 'Метрики, CSV',
  'export.csv_text': 'Строка на каждый шаг, столбец на каждую метрику: все точки с полной точностью',
  'export.json': 'Метрики, JSON',
  'export.json_text': 'Все ряды, а с ними настройки, изменения, контрольные точки и команды запуска',
  'export.charts': 'Графики',
  'export.charts_text': 'Такими, как сейчас на странице: {n}, одним ZIP-файлом',
  'export.log': 'Журнал',
  'export.log_text': 'console.log без изменений, {size}',
  'export.kinds': 'Графики как',
  'export.no_charts': 'На этой странице ещё нет графиков',
  'export.no_kind': 'Выберите PNG, SVG или оба',
  'export.large': 'Журнал занимает {size}: браузер скачает его сам и покажет, сколько осталось.',
  'export.large_all': 'Журнал занимает {size}: браузер скачает ZIP сам, а графики будут вторым файлом.',
  'export.large_place': 'Файл такого размера скачивает сам браузер',
  'export.download': 'Скачать',
  'export.save_as': 'Сохранить как…',
  'export.cancel': 'Отменить',
  'export.making': 'Файл готовится…',
  'export.fetched': 'Получено {size}…',
  'export.saved': 'Сохранено: {name}, {size}',
  'export.left': 'Браузер скачивает файл.',
  'export.left_charts': 'Браузер скачивает ZIP. Графики: {name}',
  'export.failed': 'Выгрузить не удалось',
  'tensorboard.starting': 'TensorBoard запускается…',
};
