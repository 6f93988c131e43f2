import type { Broker } from '../../../broker/contract.js';
import { isConnectFailure } from '../../../broker/rabbitmq/connect-failure.js';
import type { Replayer } from '../../../dead-letters/replay.js';
import { countWaiting, type WaitingLetters } from '../../../dead-letters/waiting.js';
import { hasCode, messageOf } from '../../../errors.js';
import type { Store } from '../../../store/contract.js';
import type { Access } from '../../shared/broker-address.js';
import type { Context } from '../../shared/context.js';
import type { ExistingStores } from '../../../runtime/existing-stores.js';
import { flushOps, openBroker, surroundingsOf, withBroker, withOps } from '../../shared/resources.js';
import { openServices } from '../../../runtime/services.js';
import { refuseForeignStore } from '../../../runtime/store-claims.js';

/** A command that works on the store alone must not wait long for a broker that is down. */
const BROKER_PATIENCE = 3000;

/** Counts the dead letters that still wait in the broker, of one worker or of all, and prints a line about them.
 *  Undefined, and a line says why, where the broker cannot be asked. */
export async function reportWaiting(context: Context, worker?: string): Promise<WaitingLetters[] | undefined> {
  return withBrokerIfAny(context, 'read', (broker) =>
    broker === undefined ? undefined : waitingIn(context, broker, worker),
  );
}

/** Runs `work` on the stored dead letters, then publishes what it has appended; what the broker still holds is
 *  reported. Works without a broker, too: the keeper publishes then. */
export async function withDeadLetters<T>(context: Context, work: (store: Store) => Promise<T>): Promise<T> {
  const { names } = await surroundingsOf(context);
  return withOps(context, (store) =>
    withBrokerIfAny(context, 'write', async (broker) => {
      if (broker !== undefined) {
        await refuseForeignStore(context, store);
        await waitingIn(context, broker);
      }
      const result = await work(store);
      if (broker !== undefined) await flushOps(context, store, broker, names);
      return result;
    }),
  );
}

/** Runs `work` with all that replaying takes; what the broker still holds is reported. Rejects with `store.missing` or
 *  `broker.unreachable`. */
export async function withReplayer<T>(
  context: Context,
  access: Access,
  work: (replayer: Replayer, stores: Pick<ExistingStores, 'unread'>) => Promise<T>,
): Promise<T> {
  const { names, definitions, declared } = await surroundingsOf(context);
  const workers = declared.map(({ name }) => name);
  const services = openServices(context, await context.fleet());
  try {
    return await withOps(context, (store) =>
      withBroker(context, access, async (broker) => {
        await refuseForeignStore(context, store);
        await waitingIn(context, broker);
        const { handled, isClosed } = services;
        const replayer: Replayer = { store, broker, names, workers, definitions, now: Date.now, handled, isClosed };
        const result = await work(replayer, services);
        if (access === 'write') await flushOps(context, store, broker, names);
        return result;
      }),
    );
  } finally {
    await services.close();
  }
}

async function withBrokerIfAny<T>(
  context: Context,
  access: Access,
  work: (broker: Broker | undefined) => T | Promise<T>,
): Promise<T> {
  const broker = await openBroker(context, access, BROKER_PATIENCE).catch((error: unknown) => {
    if (!isConnectFailure(error) && !hasCode(error, 'broker.not_configured')) throw error;
    context.say(`Dead letters that wait in the broker are not counted: ${error.message}`);
    return undefined;
  });
  try {
    return await work(broker);
  } finally {
    await broker?.close();
  }
}

/** A queue that does not answer is no reason to refuse what is stored. */
async function waitingIn(context: Context, broker: Broker, worker?: string): Promise<WaitingLetters[] | undefined> {
  const { names, workers } = await surroundingsOf(context);
  const asked = workers.map(({ name }) => name).filter((name) => worker === undefined || name === worker);
  try {
    const waiting = await countWaiting(broker, names, asked);
    if (waiting.length > 0) context.say(waitingLine(waiting));
    return waiting;
  } catch (error) {
    if (context.signal.aborted) throw error;
    context.say(`Dead letters that wait in the broker are not counted: ${messageOf(error)}`);
    return undefined;
  }
}

/** `3 dead letters still wait in the broker (payment 2, shipping 1); …` */
export function waitingLine(waiting: readonly WaitingLetters[]): string {
  const total = waiting.reduce((sum, { ready }) => sum + ready, 0);
  const by = waiting.map(({ worker, ready }) => `${worker} ${ready}`).join(', ');
  return `${total} dead letters still wait in the broker (${by}); the keeper stores them, or: flotilla dead collect`;
}
