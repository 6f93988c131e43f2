import { createHash } from 'node:crypto';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Converts an id to its column value: the 16 bytes of a UUID, or else the text, so that the exact id can be
 *  restored. */
export function idValue(id: string): Buffer | string {
  return UUID.test(id) ? uuidBytes(id) : id;
}

/** Restores the id from the result of `idValue`. */
export function idOf(value: Buffer | string): string {
  if (typeof value === 'string') return value;
  return dashed(value.toString('hex'));
}

/** Returns SQL that converts the column to a text for `idFromText`. Creating two Buffers per event row would take
 *  longer than the rest of the row (3.4 µs with them, 1.6 µs without). */
export function idAsText(column: string): string {
  return `iif(typeof(${column}) = 'blob', lower(hex(${column})), '=' || ${column})`;
}

/** Restores the id from the result of `idAsText`. */
export function idFromText(text: string): string {
  return text.startsWith('=') ? text.slice(1) : dashed(text);
}

/** Converts an id to exactly 16 bytes: those of a UUID, or else the beginning of its SHA-256. */
export function idKey(id: string): Buffer {
  return UUID.test(id) ? uuidBytes(id) : createHash('sha256').update(id).digest().subarray(0, 16);
}

function dashed(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

function uuidBytes(id: string): Buffer {
  return Buffer.from(id.replaceAll('-', ''), 'hex');
}
