import type { ExpectedVersions } from '../../aggregates/expected-versions.js';
import { readEntityTags, type EntityTag } from './etag.js';
import { problem } from '../problems/problems.js';

const VERSION = /^(?:0|[1-9]\d{0,14})$/;

/** Returns the versions that a request with this If-Match may change; undefined without the header. Tags are compared
 *  strongly: a weak tag, or one that is not a version, matches no version. Throws `request.malformed_if_match`. Source:
 *  RFC 9110 §13.1.1. */
export function expectedVersions(ifMatch: string | undefined): ExpectedVersions | undefined {
  const tags = readIfMatch(ifMatch);
  if (tags === undefined) return undefined;
  if (tags === '*') return 'exists';
  return tags.flatMap(({ weak, opaque }) => (!weak && VERSION.test(opaque) ? [Number(opaque)] : []));
}

/** Whether an existing representation with this ETag satisfies If-Match, by strong comparison. Throws
 *  `request.malformed_if_match`. */
export function passesIfMatch(ifMatch: string | undefined, etag: string): boolean {
  const tags = readIfMatch(ifMatch);
  return tags === undefined || tags === '*' || tags.some(({ weak, opaque }) => !weak && etag === `"${opaque}"`);
}

/** Whether the client already has the representation with this ETag, by weak comparison. A malformed If-None-Match is
 *  ignored: the client then receives the complete response. Source: RFC 9110 §13.1.2. */
export function isNotModified(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  const tags = readEntityTags(ifNoneMatch);
  if (tags === undefined || tags === '*') return tags === '*';
  const current = etag.replace(/^W\//, '');
  return tags.some(({ opaque }) => current === `"${opaque}"`);
}

function readIfMatch(header: string | undefined): '*' | EntityTag[] | undefined {
  if (header === undefined) return undefined;
  const tags = readEntityTags(header);
  if (tags === undefined) throw problem('request.malformed_if_match');
  return tags;
}
