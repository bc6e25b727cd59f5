/** English: the configuration: snapshot, editor, presets. */
export const config = {} as const satisfies Record<string, string>;
