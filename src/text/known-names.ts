import { FlotillaError } from '../errors.js';

/** Longer lists are reduced to the names most similar to the unknown one. */
const MAX_LISTED = 20;
const NEAREST = 5;
/** Names are short; of longer ones only the beginning is compared. */
const MAX_COMPARED = 60;

/** Throws `name.unknown` for an unknown name. `kind`: for example `worker`. */
export function requireKnown(kind: string, name: string, known: readonly string[]): void {
  if (!known.includes(name)) throw unknownName(kind, name, known);
}

/** Creates the error for an unknown name, listing all known names or, if there are many, the most similar ones. */
export function unknownName(kind: string, name: string, known: readonly string[]): FlotillaError {
  return new FlotillaError('name.unknown', describeUnknown(kind, name, known));
}

/** Describes an unknown name: `there is no worker "paymnt"; did you mean payment? Known workers: orders, payment`. */
export function describeUnknown(kind: string, name: string, known: readonly string[]): string {
  const what = `there is no ${kind} ${JSON.stringify(name.slice(0, 200))}`;
  if (known.length === 0) return `${what}; there are no ${kind}s here`;
  const nearest = bySimilarity(name, known);
  if (known.length > MAX_LISTED) {
    return `${what}; the most similar of ${known.length} ${kind}s: ${nearest.slice(0, NEAREST).join(', ')}`;
  }
  const [best = ''] = nearest;
  const hint = isSimilar(name, best) ? `; did you mean ${best}?` : '.';
  return `${what}${hint} Known ${kind}s: ${known.join(', ')}`;
}

function bySimilarity(name: string, known: readonly string[]): string[] {
  const distances = new Map(known.map((other) => [other, distance(name, other)]));
  return [...distances].sort(([a, left], [b, right]) => left - right || (a < b ? -1 : 1)).map(([other]) => other);
}

function isSimilar(name: string, other: string): boolean {
  return distance(name, other) <= Math.max(1, Math.floor(other.length / 3));
}

/** Returns the Levenshtein distance, without regard to case. */
export function distance(left: string, right: string): number {
  const a = left.slice(0, MAX_COMPARED).toLowerCase();
  const b = right.slice(0, MAX_COMPARED).toLowerCase();
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries()) {
      next.push(Math.min((next[j] ?? 0) + 1, (row[j + 1] ?? 0) + 1, (row[j] ?? 0) + (letter === other ? 0 : 1)));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
