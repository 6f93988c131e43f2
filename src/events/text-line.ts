import { z } from 'zod';

const range = (first: number, last: number) => `${String.fromCodePoint(first)}-${String.fromCodePoint(last)}`;

/**
 * No control characters or line separators. Written as ranges of the characters themselves: Python has no `\p{Cc}` and Go
 * no `\u2028`, and both read the schemas that are printed from this. No range begins above the surrogates, so that it
 * compiles without the flag `u`, too.
 */
const PRINTABLE = new RegExp(`^[ -~${range(0xa0, 0x2027)}${range(0x202a, 0x10ffff)}]*$`, 'u');

const MESSAGE = 'one line of text, not blank';

/** A schema for one line of text that can stand in a header, a log or a mail: at most `max` UTF-16 units, not blank,
 *  no control characters, no line breaks, no lone surrogates. The length is checked first, so that no pattern reads a
 *  longer text. */
export const textLine = (max: number) =>
  z
    .string()
    .max(max, { abort: true })
    .regex(PRINTABLE, { error: MESSAGE, abort: true })
    .refine((text) => !/\p{Cs}/u.test(text), { error: MESSAGE, abort: true })
    .regex(/\S/, MESSAGE);

/** Whether `textLine(max)` takes the text. */
export function isTextLine(text: string, max: number): boolean {
  return text.length <= max && isPrintable(text) && /\S/.test(text);
}

/** A schema for anything but text with control characters, line breaks or lone surrogates. */
export const noControls = z.unknown().refine((value) => typeof value !== 'string' || isPrintable(value), MESSAGE);

function isPrintable(text: string): boolean {
  return PRINTABLE.test(text) && !/\p{Cs}/u.test(text);
}

/** The text as `textLine(max)` takes it, unless nothing is left of it: control characters and line breaks become spaces,
 *  lone surrogates U+FFFD, and what is too long ends in `…`. */
export function oneLine(text: string, max: number): string {
  const line = text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ').trim();
  const cut = line.length > max ? `${line.slice(0, max - 1)}…` : line;
  return cut.replace(/\p{Cs}/gu, '\ufffd');
}
