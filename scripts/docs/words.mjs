/** Words and phrases that must not occur in texts for users, each with a replacement. */
export const words = {
  whoever: 'name the role: the caller, the operator, the worker',
  whomever: 'name the role',
  somebody: 'name the role',
  someone: 'name the role',
  nobody: 'name the role, or use the passive voice',
  anew: 'again',
  mend: 'fix',
  mends: 'fixes',
  mended: 'fixed',
  mending: 'fixing',
  bury: 'dead-letter',
  buries: 'dead-letters',
  buried: 'dead-lettered',
  'the last first': 'in reverse order',
  'the newest first': 'newest first',
  'says more': 'see …, for details',
  'as it must be': 'valid',
  rubbish: 'malformed messages',
};

/** Returns the occurrences of the words in a text. */
export function wordsIn(text) {
  return Object.entries(words).flatMap(([word, instead]) =>
    [...text.matchAll(new RegExp(`(?<![\\w-])${word}(?![\\w-])`, 'gi'))].map((match) => ({
      word,
      instead,
      line: text.slice(0, match.index).split('\n').length,
    })),
  );
}
