import { readUuid } from './uuid-words.js';

const UUID_BYTES = 16;
const FIRST_BYTES = 64 * UUID_BYTES;

/** Ids of one row: UUIDs in lower case as base64 of their bytes, or other ids as they are. Earlier releases wrote all ids as
 *  they are. */
export type EncodedIds = string | readonly string[];

/** A list of the ids of events. UUIDs in lower case take 16 bytes outside of the heap: as texts, those between two
 *  transactions would survive until V8 collects the whole heap. */
export class IdList {
  #bytes = Buffer.alloc(FIRST_BYTES);
  #end = 0;
  readonly #others: string[] = [];
  readonly #words = new Uint32Array(UUID_BYTES / 4 + 1);

  add(id: string): void {
    if (!readUuid(id, this.#words)) {
      this.#others.push(id);
      return;
    }
    this.#reserve(UUID_BYTES);
    for (let word = 1; word < this.#words.length; word += 1) {
      this.#end = this.#bytes.writeUInt32BE(this.#words[word] ?? 0, this.#end);
    }
  }

  addAll(other: IdList): void {
    this.#reserve(other.#end);
    this.#end += other.#bytes.copy(this.#bytes, this.#end, 0, other.#end);
    for (const id of other.#others) this.#others.push(id);
  }

  #reserve(bytes: number): void {
    const needed = this.#end + bytes;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.alloc(Math.max(needed, 2 * this.#bytes.length));
    this.#bytes.copy(grown, 0, 0, this.#end);
    this.#bytes = grown;
  }

  /** Returns the ids in rows of at most `limit`. */
  *rows(limit: number): Generator<{ size: number; ids: EncodedIds }> {
    for (let at = 0; at < this.#end; at += limit * UUID_BYTES) {
      const part = this.#bytes.subarray(at, Math.min(this.#end, at + limit * UUID_BYTES));
      yield { size: part.length / UUID_BYTES, ids: part.toString('base64') };
    }
    for (let at = 0; at < this.#others.length; at += limit) {
      const ids = this.#others.slice(at, at + limit);
      yield { size: ids.length, ids };
    }
  }
}

/** Returns the ids of a row. */
export function decodeIds(ids: EncodedIds): readonly string[] {
  if (typeof ids !== 'string') return ids;
  const hex = Buffer.from(ids, 'base64').toString('hex');
  return Array.from({ length: hex.length / (2 * UUID_BYTES) }, (_, index) => {
    const digits = hex.slice(index * 2 * UUID_BYTES, (index + 1) * 2 * UUID_BYTES);
    return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  });
}
