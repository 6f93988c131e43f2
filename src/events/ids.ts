import { createHash, randomFillSync } from 'node:crypto';

/** Formats 16 bytes as a UUID of RFC 9562. */
function format(bytes: Buffer, version: 7 | 8): string {
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | (version << 4);
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Creates a UUIDv7 (RFC 9562 §5.7) for a time in milliseconds since the epoch. Ids sort by time, so that indexes
 *  grow at their end; ids that this process creates within one millisecond sort by creation (§6.2, method 1). */
export function newId(now: number = Date.now()): string {
  const bytes = sixteenRandomBytes();
  bytes.writeUIntBE(now, 0, 6);
  // starts in the lower half of its range, so that at least 2 ** 25 more ids fit into the millisecond
  counter = now === latest ? counter + 1 : bytes.readUInt32BE(6) >>> 7;
  latest = now;
  bytes.writeUInt16BE(counter >>> 14, 6);
  bytes.writeUInt16BE(counter & 0x3fff, 8);
  return format(bytes, 7);
}

/** The time of the latest id, and its counter of 26 bits: 12 after the version, 14 after the variant. */
let latest = -1;
let counter = 0;

/** Buffered random bytes: requesting 16 bytes from the system costs ten times as much as the rest of an id. */
const stock = Buffer.alloc(16 * 256);
let taken = stock.length;

/** Returns unused random bytes; valid until the buffer is filled again. */
function sixteenRandomBytes(): Buffer {
  if (taken === stock.length) {
    randomFillSync(stock);
    taken = 0;
  }
  return stock.subarray(taken, (taken += 16));
}

/** Derives the id of an event from the time of its cause, in milliseconds, and parts: the same parts produce the
 *  same id. */
export type DeriveId = (time: number, ...parts: (string | number)[]) => string;

/** Derives an id from `parts`: the same parts produce the same id, so that a repetition produces the same event. A
 *  UUIDv8 (RFC 9562 §5.8) in the layout of version 7, with the time of the cause in milliseconds since the epoch. */
export function derivedId(time: number, ...parts: (string | number)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${String(part)}\u0000`);
  return uuidOf(time, hash.digest());
}

/** Creates a UUIDv8 from a time in milliseconds and a digest of at least 16 bytes, which is overwritten. */
export function uuidOf(time: number, digest: Buffer): string {
  const bytes = digest.subarray(0, 16);
  bytes.writeUIntBE(Math.max(0, Math.trunc(time)) % 2 ** 48, 0, 6);
  return format(bytes, 8);
}
