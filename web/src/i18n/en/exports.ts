/** English: exports. */
export const exports = {} as const satisfies Record<string, string>;
