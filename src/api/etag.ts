/** The entity tag of an aggregate at a version: `"3"`. */
export function etagOf(version: number): string {
  return `"${version}"`;
}

/** Whether a caller with this If-None-Match has what `etag` names, by weak comparison.
 *  Source: RFC 9110 §13.1.2. */
export function isKnown(ifNoneMatch: string | undefined, etag: string | undefined): boolean {
  if (ifNoneMatch === undefined || etag === undefined) return false;
  if (ifNoneMatch.trim() === '*') return true;
  const tags: string[] = ifNoneMatch.match(/"[^"]*"/g) ?? [];
  return tags.includes(etag.replace(/^W\//, ''));
}
