import { z } from 'zod';
import { rule } from './named-rules.js';

const range = (first: number, last: number) => `${String.fromCodePoint(first)}-${String.fromCodePoint(last)}`;

/** Excludes control characters and line separators. Written as ranges of literal characters, because Python has no
 *  `\p{Cc}` and Go no `\u2028`, and both read the published schemas. No range begins above the surrogates, so that
 *  it also compiles without the flag `u`. */
const PRINTABLE = new RegExp(`^[ -~${range(0xa0, 0x2027)}${range(0x202a, 0x10ffff)}]*$`, 'u');

/** The message of every invalid line. */
export const NOT_A_LINE = 'one line of text, not blank';

/** Creates a schema for one line of text for headers, logs and mails: at most `max` UTF-16 code units, not blank, no
 *  control characters, line breaks or lone surrogates. Checks the length first, so that no pattern runs on a longer
 *  text. */
export const textLine = (max: number) =>
  rule(
    'no-lone-surrogates',
    z.string().max(max, { abort: true }).regex(PRINTABLE, { error: NOT_A_LINE, abort: true }).regex(/\S/, NOT_A_LINE),
    (text) => !/\p{Cs}/u.test(text),
    NOT_A_LINE,
  );

/** Whether the text is valid for `textLine(max)`. */
export function isTextLine(text: string, max: number): boolean {
  return text.length <= max && isPrintable(text) && /\S/.test(text);
}

/** Rejects text with control characters, line breaks or lone surrogates; accepts any other value. */
export const noControls = z.unknown().refine((value) => typeof value !== 'string' || isPrintable(value), NOT_A_LINE);

/** Most texts are ASCII, for which one pattern is enough. */
function isPrintable(text: string): boolean {
  return /^[ -~]*$/.test(text) || (PRINTABLE.test(text) && !/\p{Cs}/u.test(text));
}

/** Converts a text to a form that `textLine(max)` accepts, unless it is blank: control characters and line breaks
 *  become spaces, lone surrogates U+FFFD, and a longer text is truncated with `…`. */
export function oneLine(text: string, max: number): string {
  const line = text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ').trim();
  const cut = line.length > max ? `${line.slice(0, max - 1)}…` : line;
  return cut.replace(/\p{Cs}/gu, '\ufffd');
}
