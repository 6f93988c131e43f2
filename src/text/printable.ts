import { eastAsianWidth } from 'get-east-asian-width';

/** Characters that a terminal interprets (ECMA-48 controls such as ESC and BEL, C1), that end a line, that reorder
 *  or hide adjacent text (bidirectional controls, zero-width characters), and lone surrogates. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}]/gu;
const NO_WIDTH = /^[\p{Mn}\p{Me}]$/u;
const ASCII = /^[ -~]*$/;

const MARK = '…';
const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Replaces each unsafe character by an escape sequence, such as `\u001b`, so that the text stays on one line. */
export function escaped(text: string): string {
  return ASCII.test(text) ? text : text.replace(UNSAFE, (character) => SHORT[character] ?? unicodeEscape(character));
}

/** Escapes a text as `escaped` does and truncates it to `width` columns of a terminal; `…` marks the cut at the end
 *  or in the middle. Combining characters take no column, but at most 8 characters are printed per column. */
export function printable(text: string, width: number, cutAt: 'end' | 'middle' = 'end'): string {
  const part = 4 * width + 4;
  const isLong = text.length > 2 * part;
  const shown = escaped(isLong ? text.slice(0, part) + text.slice(-part) : text);
  if (!isLong && displayWidth(shown) <= width) return shown;
  const characters = [...shown];
  const kept = width - MARK.length;
  const tail = cutAt === 'middle' ? Math.floor(kept / 2) : 0;
  return `${fitting(characters, kept - tail).join('')}${MARK}${fitting(characters.reverse(), tail).reverse().join('')}`;
}

/** Returns the width of a text in terminal columns; for results of `escaped` or `printable`. */
export function displayWidth(text: string): number {
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += widthOf(character);
  return width;
}

/** Makes JSON safe to print without changing its value: unsafe characters become `\uXXXX`. */
export function escapedJson(json: string): string {
  return json.replace(UNSAFE, (character) =>
    character === '\n' ? character : character.split('').map(unicodeEscape).join(''),
  );
}

/** Returns the leading characters that fit. */
function fitting(characters: readonly string[], width: number): string[] {
  let left = width;
  const end = characters.findIndex((character) => (left -= widthOf(character)) < 0);
  return characters.slice(0, end === -1 ? undefined : end);
}

function widthOf(character: string): number {
  return NO_WIDTH.test(character) ? 0 : eastAsianWidth(character.codePointAt(0) ?? 0);
}

/** Returns `\u001b`, or `\u{e0041}` beyond the basic plane. */
function unicodeEscape(character: string): string {
  const code = (character.codePointAt(0) ?? 0).toString(16);
  return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, '0')}`;
}
