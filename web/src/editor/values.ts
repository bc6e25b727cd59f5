/** Put values into a configuration file and leave all else of it as it is. Upstream: a preset. Downstream: the editor. */
import { isScalar, parseDocument, stringify } from 'yaml';

/** The text with each dotted key at its value; comments and the order of keys stay. Throws where the text is no YAML. */
export function withValues(text: string, values: Record<string, unknown>): string {
  let result = text;
  for (const [key, value] of Object.entries(values)) {
    const document = parseDocument(result, { version: '1.2' });
    if (document.errors[0]) throw document.errors[0];
    const path = key.split('.');
    const node = document.getIn(path, true);
    if (isScalar(node) && node.range && node.range[1] > node.range[0]) {
      result = result.slice(0, node.range[0]) + scalar(value) + result.slice(node.range[1]);
    } else {
      document.setIn(path, value);
      result = document.toString({ lineWidth: 0 });
    }
  }
  return result;
}

function scalar(value: unknown): string {
  if (value === null) return 'null';
  return stringify(value, { lineWidth: 0 }).trimEnd();
}
