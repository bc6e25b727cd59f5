/** Russian: the configuration: snapshot, editor, presets. */
import type { config as english } from '../en/config';

export const config: Record<keyof typeof english, string> = {};
