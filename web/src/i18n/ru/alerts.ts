/** Russian: alerts and notices. */
import type { alerts as english } from '../en/alerts';

export const alerts: Record<keyof typeof english, string> = {};
