import { InvalidArgumentError } from 'commander';
import { isWildcard, matches } from '../../../events/patterns.js';
import { unknownName } from '../../../text/known-names.js';
import { collect } from './arguments.js';

/** How the help of a command describes its patterns. */
export const PATTERN_HELP = `a name or a topic pattern: * stands for one word, # for any number, as in 'order.*'`;

/** An option that takes a topic pattern, the language of `--type` and `--code` in every command. */
export function pattern(text: string): string {
  const words = text.split('.');
  if (words.some((word) => word === '' || (isWildcard(word) && word.length > 1))) {
    throw new InvalidArgumentError(
      'Words are divided by dots; * stands for one whole word, # for any number of them, as in order.* or order.#.',
    );
  }
  return text;
}

/** The same for an option that may be given several times. */
export function patterns(text: string, before: string[]): string[] {
  return collect(pattern(text), before);
}

/** Throws `name.unknown` for a pattern that matches none of the known names. `kind`: `type`. */
export function requireMatch(kind: string, wanted: readonly string[], known: readonly string[]): void {
  const unknown = unmatched(wanted, known);
  if (unknown !== undefined) throw unknownName(kind, unknown, known);
}

/** The first pattern that matches none of these names. */
export function unmatched(wanted: readonly string[], known: readonly string[]): string | undefined {
  return wanted.find((each) => !known.some((name) => matches(each, name)));
}
