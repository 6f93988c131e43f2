import { distance } from '../text/known-names.js';
import { definitionOf, type Definitions } from '../events/definitions.js';

/** In shorter words, one other letter makes another word. */
const MIN_LENGTH = 4;

/** Returns the types of a catalogue whose names are easily confused with this one: they differ in one segment, by one
 *  letter, or as singular and plural or as two tenses do. A command and its event, `order.create` and `order.created`,
 *  are the convention. */
export function lookAlikesOf(type: string, definitions: Definitions): string[] {
  return Object.keys(definitions).filter((other) => other !== type && isAlike(type, other, definitions));
}

function isAlike(type: string, other: string, definitions: Definitions): boolean {
  const [words, others] = [type.split('.'), other.split('.')];
  if (words.length !== others.length) return false;
  const different = words.flatMap((word, index) => (word === others[index] ? [] : [index]));
  const [index, ...more] = different;
  if (index === undefined || more.length > 0) return false;
  const isVerb = index === words.length - 1;
  if (isVerb && definitionOf(definitions, type)?.kind !== definitionOf(definitions, other)?.kind) return false;
  const [word, another] = [words[index] ?? '', others[index] ?? ''];
  if (withoutDigits(word) === withoutDigits(another)) return false;
  if (stemOf(word) === stemOf(another)) return true;
  return Math.min(word.length, another.length) >= MIN_LENGTH && distance(word, another) === 1;
}

/** Numbers are chosen to be different. */
const withoutDigits = (word: string) => word.replace(/\d+/g, '');

/** The word without the ending of a plural or of the past tense, and without the doubled letter before it. */
function stemOf(word: string): string {
  return word
    .replace(/(ies|ied)$/, 'y')
    .replace(/(es|ed|s|e)$/, '')
    .replace(/(.)\1$/, '$1');
}
