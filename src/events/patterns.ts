/** Topic patterns of AMQP 0-9-1: words separated by dots, `*` for one word, `#` for zero or more. */

type Split<S extends string> = S extends `${infer Head}.${infer Tail}` ? [Head, ...Split<Tail>] : [S];

type MatchWords<P extends string[], W extends string[]> = P extends [infer First, ...infer Rest extends string[]]
  ? First extends '#'
    ? Rest extends []
      ? true
      : MatchWords<Rest, W> extends true
        ? true
        : W extends [string, ...infer More extends string[]]
          ? MatchWords<P, More>
          : false
    : W extends [infer Word, ...infer More extends string[]]
      ? First extends '*' | Word
        ? MatchWords<Rest, More>
        : false
      : false
  : W extends []
    ? true
    : false;

/** The members of `Types` that `Pattern` matches. A name without wildcards costs no recursion; callers handle `#`. */
export type Matching<Pattern extends string, Types extends string> = Pattern extends Types
  ? Pattern
  : Pattern extends `${string}*${string}` | `${string}#${string}`
    ? Types extends string
      ? MatchWords<Split<Pattern>, Split<Types>> extends true
        ? Types
        : never
      : never
    : never;

/** Whether the topic pattern matches the routing key. */
export function matches(pattern: string, key: string): boolean {
  return pattern === key || matchWords(pattern.split('.'), key.split('.'));
}

/** On a mismatch, only the latest `#` is extended by one word: any match through an earlier `#` can also be reached
 *  from there. This bounds the work by the product of the lengths, whatever the number of `#`. */
function matchWords(pattern: readonly string[], words: readonly string[]): boolean {
  let p = 0;
  let w = 0;
  let afterHash: { p: number; w: number } | undefined;
  while (w < words.length) {
    const word = pattern[p];
    if (word === '#') {
      p += 1;
      afterHash = { p, w };
    } else if (word === '*' || word === words[w]) {
      p += 1;
      w += 1;
    } else if (afterHash !== undefined) {
      afterHash.w += 1;
      ({ p, w } = afterHash);
    } else {
      return false;
    }
  }
  while (pattern[p] === '#') p += 1;
  return p === pattern.length;
}

/** Whether the pattern has wildcards. */
export function isWildcard(pattern: string): boolean {
  return pattern.includes('*') || pattern.includes('#');
}

/** Ranks plain words before `*` before `#`. */
function rank(word: string | undefined): number {
  return word === undefined ? 2 : word === '#' ? 3 : word === '*' ? 1 : 0;
}

/** Compares two patterns word by word, for sorting; the more specific one comes first. */
export function bySpecificity(a: string, b: string): number {
  const left = a.split('.');
  const right = b.split('.');
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = rank(left[i]) - rank(right[i]);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Whether each pattern is more specific than the other in some word, as `order.*` and `*.created` are: a type that
 *  both match then has no unique handler. */
export function isAmbiguous(a: string, b: string): boolean {
  const left = a.split('.');
  const right = b.split('.');
  const signs = new Set<number>();
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    signs.add(Math.sign(rank(left[i]) - rank(right[i])));
    if (left[i] === '#' || right[i] === '#') break;
  }
  return signs.has(1) && signs.has(-1);
}
