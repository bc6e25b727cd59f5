/** Which parts of a line say how serious it is. Colours that the log brings itself are never painted over. Upstream: the log's text. Downstream: lines. */

export interface Span {
  from: number;
  to: number;
  /** SGR parameters. */
  code: string;
}

const CODES: Record<string, string> = {
  DEBUG: '90',
  TRACE: '90',
  INFO: '34',
  NOTICE: '34',
  WARN: '33',
  WARNING: '33',
  ERROR: '31',
  CRITICAL: '1;31',
  FATAL: '1;31',
  SUCCESS: '32',
};
const WORDS = Object.keys(CODES).join('|');
/** [INFO] anywhere; [INFO|trainer.py:2134] as transformers writes it. */
const TAG = new RegExp(`\\[(${WORDS})(?:\\]|\\|[^\\]\\n]{1,120}\\])`, 'g');
/** `INFO:root:`, `12:00:01 WARNING name:`, `12:00:01 - name - ERROR - `, `| INFO     |`: one of the first words of the line. */
const LOGGING = new RegExp(`^(?:[^\\[\\n]{0,80}?[\\s|:-])??(${WORDS})(?=\\s*[:|]|\\s+-|\\s+\\S+:|\\s*$)`);
const TRACEBACK = /^Traceback \(most recent call last\):/;
/** `ValueError: x`, `torch.OutOfMemoryError: y`, `KeyboardInterrupt`. */
const RAISED = /^(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Interrupt|Exit|Iteration|Group)(?=:|$)/;
/** `file.py:3: UserWarning: z` */
const WARNED = /^(?:\S+:\d+: )?(?:\w+\.)*[A-Z]\w*Warning(?=:|$)/;
const LONGEST_LOOKED_AT = 4096;

export class Highlighter {
  #inTraceback = false;

  /** The parts of `line` to colour. With `ends` it is over: what follows is another line. */
  spans(line: string, ends = true): Span[] {
    const text = line.length > LONGEST_LOOKED_AT ? line.slice(0, LONGEST_LOOKED_AT) : line;
    const inTraceback = this.#inTraceback;
    if (ends) this.#inTraceback = TRACEBACK.test(text) || (inTraceback && (text === '' || /^\s/.test(text)));
    const spans: Span[] = [];
    for (const found of text.matchAll(TAG))
      spans.push({ from: found.index, to: found.index + found[0].length, code: CODES[found[1]!]! });
    if (spans.length) return spans;
    const logging = LOGGING.exec(text);
    if (logging) {
      const to = logging[0].length;
      return [{ from: to - logging[1]!.length, to, code: CODES[logging[1]!]! }];
    }
    if (TRACEBACK.test(text)) return [{ from: 0, to: text.length, code: '31' }];
    // The last line of a traceback, whatever its exception is called: the first that is not indented.
    if (inTraceback && /^\S/.test(text)) return [{ from: 0, to: line.length, code: '1;31' }];
    if (RAISED.test(text)) return [{ from: 0, to: line.length, code: '31' }];
    const warned = WARNED.exec(text);
    return warned ? [{ from: 0, to: warned[0].length, code: '33' }] : [];
  }
}
