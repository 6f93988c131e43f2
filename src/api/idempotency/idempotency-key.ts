import { problem } from '../problems/problems.js';

/** An unquoted key, which many clients send: visible ASCII without quotes. */
const BARE = /^[!#-~]{1,255}$/;

/** A String of Structured Fields (RFC 9651 §3.3.3), without parameters. */
const QUOTED = /^"((?:[ !#-[\]-~]|\\["\\]){1,255})"$/;

/** The pattern of valid header values, for a JSON Schema. */
export const keyPattern = `${BARE.source}|${QUOTED.source}`;

/** Parses the header: `"k1"` and `k1` are the same key. Throws `idempotency.invalid_key` for every other value,
 *  including a repeated header. Source: draft-ietf-httpapi-idempotency-key-header §2.1. */
export function readIdempotencyKey(header: string): string {
  if (BARE.test(header)) return header;
  const [, key] = QUOTED.exec(header) ?? [];
  if (key === undefined) throw problem('idempotency.invalid_key');
  return key.replace(/\\(.)/g, '$1');
}
