import { eastAsianWidth } from 'get-east-asian-width';

/** Characters that a terminal obeys instead of showing (ECMA-48 controls such as ESC and BEL, C1), that end a line, that
 *  reorder or hide what is beside them (bidirectional controls, zero-width characters), and halves of surrogate pairs. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}]/gu;
const NO_WIDTH = /^[\p{Mn}\p{Me}]$/u;
const ASCII = /^[ -~]*$/;

const MARK = '…';
const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** The text with each unsafe character as an escape sequence, such as `\u001b`: it stays on one line, and looks like what
 *  it is. */
export function escaped(text: string): string {
  return ASCII.test(text) ? text : text.replace(UNSAFE, (character) => SHORT[character] ?? unicodeEscape(character));
}

/** The text as `escaped` returns it, in at most `width` columns of a terminal; `…` marks what is cut off its end or out of
 *  its middle. Characters that combine with others take no column, but at most 8 characters are printed per column. */
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

/** The columns that the text takes on a terminal; for text that `escaped` or `printable` returned. */
export function displayWidth(text: string): number {
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += widthOf(character);
  return width;
}

/** JSON text that is safe to print, with the same value: unsafe characters in it become `\uXXXX`. */
export function escapedJson(json: string): string {
  return json.replace(UNSAFE, (character) =>
    character === '\n' ? character : character.split('').map(unicodeEscape).join(''),
  );
}

/** As many of the first characters as fit. */
function fitting(characters: readonly string[], width: number): string[] {
  let left = width;
  const end = characters.findIndex((character) => (left -= widthOf(character)) < 0);
  return characters.slice(0, end === -1 ? undefined : end);
}

function widthOf(character: string): number {
  return NO_WIDTH.test(character) ? 0 : eastAsianWidth(character.codePointAt(0) ?? 0);
}

/** `\u001b`; beyond the basic plane `\u{e0041}`. */
function unicodeEscape(character: string): string {
  const code = (character.codePointAt(0) ?? 0).toString(16);
  return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, '0')}`;
}
