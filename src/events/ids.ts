import { hash } from 'node:crypto';
import { someRandomBytes } from '../random.js';

/** Formats 16 bytes as a UUIDv7 of RFC 9562. */
function format(bytes: Buffer): string {
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x70;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Creates a UUIDv7 (RFC 9562 §5.7) for a time in milliseconds since the epoch. Ids sort by time, so that indexes
 *  grow at their end; ids that this process creates within one millisecond sort by creation (§6.2, method 1). */
export function newId(now: number = Date.now()): string {
  const bytes = someRandomBytes(16);
  bytes.writeUIntBE(now, 0, 6);
  // starts in the lower half of its range, so that at least 2 ** 25 more ids fit into the millisecond
  counter = now === latest ? counter + 1 : bytes.readUInt32BE(6) >>> 7;
  latest = now;
  bytes.writeUInt16BE(counter >>> 14, 6);
  bytes.writeUInt16BE(counter & 0x3fff, 8);
  return format(bytes);
}

/** The time of the latest id, and its counter of 26 bits: 12 after the version, 14 after the variant. */
let latest = -1;
let counter = 0;

/** Derives the id of an event from the time of its cause, in milliseconds, and parts: the same parts produce the
 *  same id. */
export type DeriveId = (time: number, ...parts: (string | number)[]) => string;

/** Derives an id from `parts`: the same parts produce the same id, so that a repetition produces the same event. A
 *  UUIDv8 (RFC 9562 §5.8) in the layout of version 7, with the time of the cause in milliseconds since the epoch. */
export function derivedId(time: number, ...parts: (string | number)[]): string {
  return uuidOf(time, hash('sha256', joinParts(parts), 'hex')); // half of the time of an object with several updates
}

/** The text of parts, of which an id is a digest. */
export function joinParts(parts: readonly (string | number)[]): string {
  let text = '';
  for (const part of parts) text += `${part}\u0000`;
  return text;
}

const VARIANTS = '89ab';

/** Creates a UUIDv8 from a time in milliseconds and a digest of at least 16 bytes, in hexadecimal. */
export function uuidOf(time: number, digest: string): string {
  const millis = ((Math.max(0, Math.trunc(time)) || 0) % 2 ** 48).toString(16).padStart(12, '0');
  const variant = VARIANTS.charAt(parseInt(digest.charAt(16), 16) & 3);
  const tail = `${variant}${digest.slice(17, 20)}-${digest.slice(20, 32)}`;
  return `${millis.slice(0, 8)}-${millis.slice(8)}-8${digest.slice(13, 16)}-${tail}`;
}
