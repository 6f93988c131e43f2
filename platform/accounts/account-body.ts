import type { AggregateReader, Loaded } from 'flotilla';
import { ProblemError, type Reply } from 'flotilla/http';
import { z } from 'zod';
import { platform } from '../catalogue.js';
import { account, type AccountState } from './account.js';
import { accountNotFound } from './problems.js';

export const accountBody = z
  .object({ id: z.string(), owner: z.string(), currency: z.string(), balance: z.int(), version: z.int() })
  .meta({ id: 'Account', description: 'The balance is in minor units of the currency' });

/** Resolves with the reply that contains the account in its current state, rebuilt from its events. Throws
 *  `account.not_found`. */
export async function readAccount(store: AggregateReader, id: string): Promise<Reply> {
  return presentAccount(200, await platform.load(store, account, id));
}

/** The reply that contains an account. Throws `account.not_found`. */
export function presentAccount(status: number, { state, version }: Loaded<AccountState>): Reply {
  if (state === null) throw new ProblemError(accountNotFound);
  const { id, owner, currency, balance } = state;
  const body = { id, owner, currency, balance, version } satisfies z.infer<typeof accountBody>;
  return { status, body, version };
}
