import { createHash } from 'node:crypto';

/** An entity tag of a header: `"3"`, or `W/"3"` (weak). */
export interface EntityTag {
  weak: boolean;
  opaque: string;
}

/** One element of a list of entity tags, which may be empty, and the comma after it. Source: RFC 9110 §5.6.1.2,
 *  §8.8.3. */
const ELEMENT = /[ \t]*(?:(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"[ \t]*)?(?:,|$)/y;

/** The strong entity tag of an aggregate at a version: `"3"`. */
export function etagOf(version: number): string {
  return `"${version}"`;
}

/** A weak entity tag of a body, for responses without a version. */
export function weakEtagOf(body: string): string {
  return `W/${strongEtagOf(body)}`;
}

/** The strong entity tag of a body that is sent byte by byte as it is. */
export function strongEtagOf(body: string | Uint8Array): string {
  return `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
}

/** Returns `*` or at least one entity tag; undefined if the header is malformed. */
export function readEntityTags(header: string): '*' | EntityTag[] | undefined {
  if (header.trim() === '*') return '*';
  const tags: EntityTag[] = [];
  ELEMENT.lastIndex = 0;
  while (ELEMENT.lastIndex < header.length) {
    const match = ELEMENT.exec(header);
    if (match === null) return undefined;
    const [, weak, opaque] = match;
    if (opaque !== undefined) tags.push({ weak: weak !== undefined, opaque });
  }
  return tags.length === 0 ? undefined : tags;
}
