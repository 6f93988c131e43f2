/** Attacks on a terminal or a log reader: clipboard, title, colors, cursor, C1 codes, a forged line, a forged row,
 *  reordered and invisible text. */
export const UNSAFE_TEXT =
  'x\u001b]52;c;ZXZpbA==\u0007\u001b]0;title\u001b\\\u001b[2J\u001b[31m\u009b31m\u0085\r\nFORGED  payment  dead\n' +
  '12:00:00.000 error FORGED  code=a\u2028FORGED\u202edlrow\u2066\u200e\u061c\u200b\u2060\ufeff\u00ad\u{e0041}\tend';

/** Characters that must not be printed unescaped, except line breaks. */
const UNSAFE = /(?!\n)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;

/** Throws if the output contains an unsafe character, or a line forged by the text above. */
export function expectSafe(what: string, printed: string): void {
  const found = UNSAFE.exec(printed);
  if (found !== null) {
    const code = found[0].codePointAt(0)?.toString(16) ?? '';
    const around = JSON.stringify(printed.slice(Math.max(0, found.index - 60), found.index + 20));
    throw new Error(`${what} printed U+${code}: ${around}`);
  }
  const forged = printed.split('\n').find((line) => /^\s*(12:00:00.000|FORGED)/.test(line));
  if (forged !== undefined) throw new Error(`${what} printed a line of its own: ${forged}`);
}
