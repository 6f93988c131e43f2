import { createHash, randomFillSync } from 'node:crypto';

/** The 16 bytes of `hex digits` in the form of RFC 9562. */
function format(bytes: Buffer, version: 7 | 8): string {
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | (version << 4);
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** A new UUIDv7 (RFC 9562 §5.7) of the given time in milliseconds: sorts by time, so that indexes grow at their end, and
 *  those that this process makes in one millisecond sort as they were made (§6.2, method 1). */
export function newId(now: number = Date.now()): string {
  const bytes = sixteenRandomBytes();
  bytes.writeUIntBE(now, 0, 6);
  // begins below half of its room, so that 2 ** 25 more fit into the millisecond
  counter = now === latest ? counter + 1 : bytes.readUInt32BE(6) >>> 7;
  latest = now;
  bytes.writeUInt16BE(counter >>> 14, 6);
  bytes.writeUInt16BE(counter & 0x3fff, 8);
  return format(bytes, 7);
}

/** The time of the id made last, and the 26 bits that stand behind it: 12 beside the version, 14 beside the variant. */
let latest = -1;
let counter = 0;

/** Random bytes in stock, as asking the system for 16 costs ten times what the rest of an id does. */
const stock = Buffer.alloc(16 * 256);
let taken = stock.length;

/** A part of the stock that nobody has or will get; valid until the stock is filled again. */
function sixteenRandomBytes(): Buffer {
  if (taken === stock.length) {
    randomFillSync(stock);
    taken = 0;
  }
  return stock.subarray(taken, (taken += 16));
}

/** The id of something that follows from `parts`: the same parts make the same id, so that doing it again makes
 *  the same event. A UUIDv8 (RFC 9562 §5.8) laid out like version 7 under the time of the cause, in milliseconds. */
export function derivedId(time: number, ...parts: (string | number)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${String(part)}\u0000`);
  return uuidOf(time, hash.digest());
}

/** A UUIDv8 made of a time in milliseconds and a digest of at least 16 bytes, which is overwritten. */
export function uuidOf(time: number, digest: Buffer): string {
  const bytes = digest.subarray(0, 16);
  bytes.writeUIntBE(Math.max(0, Math.trunc(time)) % 2 ** 48, 0, 6);
  return format(bytes, 8);
}
