import type fastCheck from 'fast-check';
import { FlotillaError } from '../../../errors.js';

export type FastCheck = typeof fastCheck;

/** Loads fast-check, an optional dependency that only `explore` needs. Rejects with `config.invalid` if it is
 *  missing. */
export async function loadFastCheck(): Promise<FastCheck> {
  try {
    return (await import('fast-check')).default;
  } catch (error) {
    const detail = 'to explore a simulation, install fast-check: npm install --save-dev fast-check';
    throw new FlotillaError('config.invalid', detail, { cause: error });
  }
}
