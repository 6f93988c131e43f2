import { stripVTControlCharacters } from 'node:util';

/** Whether the output of a command is the one that a page shows. `…` stands for anything within a line; a line with nothing
 *  else, for any lines. Spaces count as one, because the width of a table's columns depends on its values. With `open`, more
 *  lines may follow. */
export function isExpectedOutput(expected: string, output: string, { open = false } = {}): boolean {
  const lines = expected.split('\n').map((line) =>
    line.trim() === '…'
      ? '(?:.*\\n)*?'
      : `${squeezed(line)
          .split(/ ?… ?/)
          .map((text) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
          .join('.*')}\\n`,
  );
  const text = `${squeezed(stripVTControlCharacters(output)).trim()}\n`;
  return new RegExp(`^${lines.join('')}${open ? '' : '$'}`).test(text);
}

/** One space for several, and none at the ends of lines. */
function squeezed(text: string): string {
  return text
    .split('\n')
    .map((line) => line.trim().replace(/\s+/g, ' '))
    .join('\n');
}
