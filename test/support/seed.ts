import { randomInt } from 'node:crypto';
import { generator } from '../../src/testing/simulation/seeded.js';

/** The seed of all random test data of a run: TEST_SEED or a random one. It is stored in the environment, so that
 *  every copy of this module and every child process uses the same seed. */
export const seed = Number((process.env.TEST_SEED ??= String(randomInt(2 ** 31)))) >>> 0;

/** Random numbers from 0 to 1, derived from the seed and the name of their use. */
export function seededRandom(use: string): () => number {
  let hash = seed;
  for (const character of use) hash = (Math.imul(hash, 31) + (character.codePointAt(0) ?? 0)) | 0;
  return generator(hash);
}
