import { InvalidArgumentError } from 'commander';
import { isWildcard, matches } from '../../../events/patterns.js';
import { unknownName } from '../../../text/known-names.js';
import { collect } from './arguments.js';

/** Description of patterns for the help of a command. */
export const PATTERN_HELP = `a name or a topic pattern: * stands for one word, # for any number, as in 'order.*'`;

/** Parses an option with a topic pattern, as `--type` and `--code` of every command. */
export function pattern(text: string): string {
  const words = text.split('.');
  if (words.some((word) => word === '' || (isWildcard(word) && word.length > 1))) {
    throw new InvalidArgumentError(
      'Words are divided by dots; * stands for one whole word, # for any number of them, as in order.* or order.#.',
    );
  }
  return text;
}

/** Parses a repeated option with topic patterns. */
export function patterns(text: string, before: string[]): string[] {
  return collect(pattern(text), before);
}

/** Throws `name.unknown` for a pattern that matches none of the known names. `kind`: `type`. */
export function requireMatch(kind: string, wanted: readonly string[], known: readonly string[]): void {
  const unknown = unmatched(wanted, known);
  if (unknown !== undefined) throw unknownName(kind, unknown, known);
}

/** Returns the first pattern that matches none of these names. */
export function unmatched(wanted: readonly string[], known: readonly string[]): string | undefined {
  return wanted.find((each) => !known.some((name) => matches(each, name)));
}
