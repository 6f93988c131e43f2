import { createHash } from 'node:crypto';
import { PermanentError } from 'flotilla';

/** What was asked for is refused. */
export interface Refused {
  refused: string;
}

/** The key came with other data before, and for those it stands. */
export class KeyReused extends PermanentError {
  constructor(key: string) {
    super('outside.key_reused', `The idempotency key ${key} came with other data before.`);
  }
}

/** Something that the world outside does once for an idempotency key. */
export interface Outside<Done extends object> {
  /** Does it, or gives what was done under the key. Throws `KeyReused`. */
  ask: (key: string) => Promise<Done | Refused>;
  /** Gives what was done under the key; where nothing was, nothing will be, also if it was asked for and is on its way. */
  close: (key: string) => Promise<Done | undefined>;
}

/** The keys of what is done once for an order, `key`, with this data. */
export function keysFor(key: string, data: object): { key: string; keyOfData: string } {
  const digest = createHash('sha256').update(JSON.stringify(data)).digest('hex').slice(0, 16);
  return { key, keyOfData: `${key}-${digest}` };
}

/** Has something done once for an order, by whichever of its commands it is asked for, and however many of them at once.
 *  A mended command, whose data are other than those that came before, has it done under a key of its data, after the
 *  order's is closed: where the earlier data were taken, they count. */
export async function askOnce<Done extends object>(
  outside: Outside<Done>,
  { key, keyOfData }: ReturnType<typeof keysFor>,
): Promise<Done | Refused> {
  try {
    return await askFinally(outside, key);
  } catch (error) {
    if (!(error instanceof KeyReused)) throw error;
  }
  return (await outside.close(key)) ?? askFinally(outside, keyOfData);
}

/** What may have been done for an order with this data, and else will not be. */
export async function closeAll<Done extends object>(
  outside: Outside<Done>,
  { key, keyOfData }: ReturnType<typeof keysFor>,
): Promise<Done | undefined> {
  return (await outside.close(key)) ?? outside.close(keyOfData);
}

/** Refused is refused: what another command has under way at this moment is not taken either, or it is what counts. */
async function askFinally<Done extends object>(outside: Outside<Done>, key: string): Promise<Done | Refused> {
  const answer = await outside.ask(key);
  if (!('refused' in answer)) return answer;
  return (await outside.close(key)) ?? answer;
}
