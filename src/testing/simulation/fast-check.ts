import type fastCheck from 'fast-check';
import { FlotillaError } from '../../errors.js';

export type FastCheck = typeof fastCheck;

/** fast-check, which only those need who explore. Rejects with `config.invalid` where it is not installed. */
export async function loadFastCheck(): Promise<FastCheck> {
  try {
    return (await import('fast-check')).default;
  } catch (error) {
    const detail = 'to explore a simulation, install fast-check: npm install --save-dev fast-check';
    throw new FlotillaError('config.invalid', detail, { cause: error });
  }
}
