const SEED = 0x9747b28c;
const MULTIPLIER = 0x5bd1e995;
const ROTATION = 24;

/** The 32-bit MurmurHash2 of the bytes, with the seed that Kafka uses, as a signed integer: equal in every release.
 *  Source: https://github.com/aappleby/smhasher/blob/master/src/MurmurHash2.cpp */
export function murmur2(bytes: Uint8Array): number {
  const words = bytes.length & ~3;
  let hash = SEED ^ bytes.length;
  for (let at = 0; at < words; at += 4) {
    let word = wordAt(bytes, at);
    word = Math.imul(word, MULTIPLIER);
    word ^= word >>> ROTATION;
    hash = Math.imul(hash, MULTIPLIER) ^ Math.imul(word, MULTIPLIER);
  }
  if (words < bytes.length) hash = Math.imul(hash ^ wordAt(bytes, words), MULTIPLIER);
  hash = Math.imul(hash ^ (hash >>> 13), MULTIPLIER);
  return hash ^ (hash >>> 15);
}

/** Four bytes, the lowest first; bytes behind the end are 0. */
function wordAt(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);
}
