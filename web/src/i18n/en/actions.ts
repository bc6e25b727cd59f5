/** English: actions, shortcuts and the command palette. */
export const actions = {} as const satisfies Record<string, string>;
