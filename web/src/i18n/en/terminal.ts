/** English: the live training stream. */
export const terminal = {
  'stream.title': 'Live training stream',
  'stream.autoscroll': 'Auto-scroll',
  'stream.raw': 'Whole log',
  'stream.skipped': '{n} bytes skipped, see the whole log',
  'stream.loading': 'Loading the log',
  'stream.empty': 'No output yet',
  'stream.none': 'No output',
  'stream.failed': 'The log could not be read: {reason}',
} as const satisfies Record<string, string>;
