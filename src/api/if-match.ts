import { problem } from './problems.js';

/** The version that a request with this If-Match goes out from; undefined where it names none (absent, or `*`, which
 *  asks for nothing but that the aggregate is there). Throws `request.malformed_if_match` for what is neither: weak tags
 *  and lists too, as a version matches exactly or not at all. */
export function versionExpected(ifMatch: string | undefined): number | undefined {
  if (ifMatch === undefined || ifMatch.trim() === '*') return undefined;
  const [, digits] = /^\s*"(0|[1-9]\d{0,14})"\s*$/.exec(ifMatch) ?? [];
  if (digits === undefined) throw problem('request.malformed_if_match');
  return Number(digits);
}
