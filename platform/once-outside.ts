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

/** How many times the data with which something is asked for can be mended. */
const MENDINGS = 3;

/** The keys under which something may be done for an order: its own, and those for data that were mended since. */
export function keysFor(key: string): readonly string[] {
  return [key, ...Array.from({ length: MENDINGS }, (_, index) => `${key}-${index + 2}`)];
}

/** Has something done once for an order, by whichever of its commands it is asked for, and however many of them at once.
 *  A mended command, whose data are other than those that came before, has it done under the next key, after the one
 *  before is closed: where the earlier data were taken, they count. Throws `KeyReused` where no key is left. */
export async function askOnce<Done extends object>(
  outside: Outside<Done>,
  keys: readonly string[],
): Promise<Done | Refused> {
  const [key, ...later] = keys;
  if (key === undefined) throw new Error('there is no key');
  const answer = await outside.ask(key).catch((error: unknown) => {
    if (error instanceof KeyReused) return error;
    throw error;
  });
  if (!(answer instanceof KeyReused)) return 'refused' in answer ? ((await closeAll(outside, keys)) ?? answer) : answer;
  const done = await outside.close(key);
  if (done !== undefined) return done;
  if (later.length === 0) throw answer;
  return askOnce(outside, later);
}

/** What was done for an order, under whichever of its keys; where nothing was, nothing will be. Refused is refused: what
 *  another command has under way at this moment is not taken either, or it is what counts. */
export async function closeAll<Done extends object>(
  { close }: Pick<Outside<Done>, 'close'>,
  keys: readonly string[],
): Promise<Done | undefined> {
  for (const key of keys) {
    const done = await close(key);
    if (done !== undefined) return done;
  }
  return undefined;
}
