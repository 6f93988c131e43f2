import { originContext, type AggregateReader, type Store, type Tx } from 'flotilla';
import { account, type AccountCommand } from '../../../platform/accounts/account.js';
import { platform } from '../../../platform/catalogue.js';

export const { definitions } = platform;

export const open = { type: 'open', accountId: 'a1', owner: 'Ada', currency: 'USD' } as const satisfies AccountCommand;
export const deposit = (amount: number) => ({ type: 'deposit', amount }) as const satisfies AccountCommand;
export const withdraw = (amount: number) => ({ type: 'withdraw', amount }) as const satisfies AccountCommand;

export type AccountDecider = typeof account;

/** The account, with a snapshot every `every` events. */
export const accountEvery = (every: number, shape = 1): AccountDecider => ({ ...account, snapshot: { every, shape } });

export function handleInTx(
  tx: Tx,
  decider: AccountDecider,
  command: AccountCommand,
  id = 'a1',
  expectedVersion?: number,
) {
  const origin = (subject: string) => originContext({ source: 'core', subject });
  return platform.execute(tx, decider, id, command, { origin, expectedVersion });
}

/** Handles a command in a separate transaction. */
export function handleIn(store: Store, decider: AccountDecider, command: AccountCommand, id = 'a1') {
  return store.transaction((tx) => handleInTx(tx, decider, command, id));
}

export const load = (store: AggregateReader, decider: AccountDecider = account, id = 'a1') =>
  platform.load(store, decider, id);

/** Opens an account and appends `count` deposits of 1, in batches. */
export async function fill(store: Store, deposits: number, id = 'a1'): Promise<void> {
  const stream = `account/${id}`;
  const context = () => originContext({ source: 'core', subject: stream });
  const opened = { accountId: id, owner: 'Ada', currency: 'USD', balanceAfter: 0 };
  await store.append(stream, 'none', [platform.create('account.opened', opened, context())]);
  for (let done = 0; done < deposits;) {
    const size = Math.min(1000, deposits - done);
    const events = Array.from({ length: size }, (_, n) =>
      platform.create('account.deposited', { accountId: id, amount: 1, balanceAfter: done + n + 1 }, context()),
    );
    await store.append(stream, done + 1, events);
    done += size;
  }
}
