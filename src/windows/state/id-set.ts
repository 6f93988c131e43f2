import { randomInt } from 'node:crypto';

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

  has(source: number, id: string): boolean {
    if (!readUuid(id, this.#entry)) return this.#others.has(`${source} ${id}`);
    this.#entry[0] = source;
    return this.#slots[find(this.#slots, this.#entry)] !== 0;
  }

  add(source: number, id: string): void {
    if (!readUuid(id, this.#entry)) {
      this.#others.add(`${source} ${id}`);
      return;
    }
    this.#entry[0] = source;
    const at = find(this.#slots, this.#entry);
    if (this.#slots[at] !== 0) return;
    this.#slots.set(this.#entry, at);
    this.#uuids += 1;
    if (this.#uuids * WORDS * 2 > this.#slots.length) this.#grow();
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
      if (entry[0] !== 0) grown.set(entry, find(grown, entry));
    }
    this.#slots = grown;
  }
}

/** The place of an entry, or the free one where it belongs: at least half of the slots are free. */
function find(slots: Uint32Array, entry: Uint32Array): number {
  const count = slots.length / WORDS;
  let hash = SEED;
  for (let word = 0; word < WORDS; word += 1) {
    hash = Math.imul(hash ^ (entry[word] ?? 0), 0x85ebca6b);
    hash ^= hash >>> 13;
  }
  for (let slot = hash & (count - 1); ; slot = (slot + 1) & (count - 1)) {
    const at = slot * WORDS;
    if (slots[at] === 0 || isAt(slots, at, entry)) return at;
  }
}

function isAt(slots: Uint32Array, at: number, entry: Uint32Array): boolean {
  for (let word = 0; word < WORDS; word += 1) if (slots[at + word] !== entry[word]) return false;
  return true;
}

const HYPHENS: ReadonlySet<number> = new Set([8, 13, 18, 23]);
const UUID_LENGTH = 36;
const HYPHEN = 45;

/** Reads a UUID in lower case into the words after the first one; false for any other text. */
function readUuid(id: string, words: Uint32Array): boolean {
  if (id.length !== UUID_LENGTH) return false;
  let digits = 0;
  let word = 0;
  for (let index = 0; index < UUID_LENGTH; index += 1) {
    const code = id.charCodeAt(index);
    if (HYPHENS.has(index)) {
      if (code !== HYPHEN) return false;
      continue;
    }
    const digit = digitOf(code);
    if (digit < 0) return false;
    word = (word << 4) | digit;
    digits += 1;
    if (digits % 8 === 0) words[digits / 8] = word;
  }
  return true;
}

/** The value of a hexadecimal digit in lower case; -1 for another character. */
function digitOf(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  return code >= 97 && code <= 102 ? code - 87 : -1;
}
