import { randomInt } from 'node:crypto';
import { generator } from '../../src/testing/simulation/seeded.js';

/** The seed of all random test data of a run: TEST_SEED, else one of its own. The environment keeps it, so that every copy of
 *  this module and every child process has the same one. */
export const seed = Number((process.env.TEST_SEED ??= String(randomInt(2 ** 31)))) >>> 0;

/** Random numbers from 0 to 1 that follow from the seed and from the name of their use. */
export function seededRandom(use: string): () => number {
  let hash = seed;
  for (const character of use) hash = (Math.imul(hash, 31) + (character.codePointAt(0) ?? 0)) | 0;
  return generator(hash);
}
