/** Russian messages. */
import type { Catalogue } from '../en';
import { actions } from './actions';
import { alerts } from './alerts';
import { catalog } from './catalog';
import { charts } from './charts';
import { common } from './common';
import { compare } from './compare';
import { config } from './config';
import { console } from './console';
import { documents } from './documents';
import { exports } from './exports';
import { flows } from './flows';
import { history } from './history';
import { overview } from './overview';
import { people } from './people';
import { queue } from './queue';
import { settings } from './settings';
import { steering } from './steering';
import { terminal } from './terminal';

export const ru: Catalogue = {
  ...actions,
  ...alerts,
  ...catalog,
  ...charts,
  ...common,
  ...compare,
  ...config,
  ...console,
  ...documents,
  ...exports,
  ...flows,
  ...history,
  ...overview,
  ...people,
  ...queue,
  ...settings,
  ...steering,
  ...terminal,
};
