/** Russian: exports. */
import type { exports as english } from '../en/exports';

export const exports: Record<keyof typeof english, string> = {};
