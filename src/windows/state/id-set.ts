import { randomInt } from 'node:crypto';
import { readUuid } from './uuid-words.js';

/** The number of a source, and the four parts of a UUID. */
const WORDS = 5;
const FIRST_SLOTS = 1_024;
/** Against ids that are chosen to fall into the same slots. */
const SEED = randomInt(2 ** 31);

/** A set of the ids of events, by the number of their source, which is not 0. UUIDs in lower case take 40 bytes outside of
 *  the heap: as texts, thousands of them would survive until V8 collects the whole heap. */
export class IdSet {
  #uuids = 0;
  #slots = new Uint32Array(FIRST_SLOTS * WORDS);
  readonly #others = new Set<string>();
  readonly #entry = new Uint32Array(WORDS);

  get size(): number {
    return this.#uuids + this.#others.size;
  }

  /** Adds an id; false if this set or `other` contains it. */
  add(source: number, id: string, other?: IdSet): boolean {
    const entry = this.#entry;
    if (!readUuid(id, entry)) return this.#addOther(`${source} ${id}`, other);
    entry[0] = source;
    const hash = hashOf(entry);
    if (other !== undefined && other.#slots[find(other.#slots, entry, hash)] !== 0) return false;
    const at = find(this.#slots, entry, hash);
    if (this.#slots[at] !== 0) return false;
    this.#slots.set(entry, at);
    this.#uuids += 1;
    if (this.#uuids * WORDS * 2 > this.#slots.length) this.#grow();
    return true;
  }

  #addOther(name: string, other: IdSet | undefined): boolean {
    if (this.#others.has(name) || (other !== undefined && other.#others.has(name))) return false;
    this.#others.add(name);
    return true;
  }

  /** Removes all ids, and keeps the memory for others. */
  clear(): void {
    this.#slots.fill(0);
    this.#uuids = 0;
    this.#others.clear();
  }

  #grow(): void {
    const grown = new Uint32Array(this.#slots.length * 2);
    for (let at = 0; at < this.#slots.length; at += WORDS) {
      const entry = this.#slots.subarray(at, at + WORDS);
      if (entry[0] !== 0) grown.set(entry, find(grown, entry, hashOf(entry)));
    }
    this.#slots = grown;
  }
}

function hashOf(entry: Uint32Array): number {
  let hash = SEED;
  for (let word = 0; word < WORDS; word += 1) {
    hash = Math.imul(hash ^ (entry[word] ?? 0), 0x85ebca6b);
    hash ^= hash >>> 13;
  }
  return hash;
}

/** The place of an entry, or the free one where it belongs: at least half of the slots are free. */
function find(slots: Uint32Array, entry: Uint32Array, hash: number): number {
  const count = slots.length / WORDS;
  for (let slot = hash & (count - 1); ; slot = (slot + 1) & (count - 1)) {
    const at = slot * WORDS;
    if (slots[at] === 0 || isAt(slots, at, entry)) return at;
  }
}

function isAt(slots: Uint32Array, at: number, entry: Uint32Array): boolean {
  for (let word = 0; word < WORDS; word += 1) if (slots[at + word] !== entry[word]) return false;
  return true;
}
