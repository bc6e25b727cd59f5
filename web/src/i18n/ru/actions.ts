/** Russian: actions, shortcuts and the command palette. */
import type { actions as english } from '../en/actions';

export const actions: Record<keyof typeof english, string> = {};
