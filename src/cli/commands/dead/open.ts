import type { Broker } from '../../../broker/broker.js';
import { isConnectFailure } from '../../../broker/rabbitmq/connection/connect-failure.js';
import type { DeadLetterContext } from '../../../dead-letters/operations/replay-dead-letters.js';
import { countWaiting, type WaitingDeadLetters } from '../../../dead-letters/count-waiting.js';
import { hasCode, messageOf } from '../../../errors.js';
import type { Store } from '../../../store/store.js';
import type { Access } from '../../shared/broker-address.js';
import type { Context } from '../../shared/context.js';
import type { ExistingStores } from '../../../runtime/stores/existing-stores.js';
import {
  flushOps,
  openBroker,
  surroundingsOf,
  withBroker,
  withOps,
  type Surroundings,
} from '../../shared/resources.js';
import { openServices } from '../../../runtime/stores/services.js';
import { refuseForeignStore } from '../../../runtime/stores/store-claims.js';

/** A command that needs only the store must not wait long for an unreachable broker. */
const BROKER_PATIENCE = 3000;

/** Counts the dead letters that still wait in the broker, of one worker or of all, and prints a line about them. Where the broker is
 *  unreachable, prints the reason and returns undefined. */
export async function reportWaiting(context: Context, worker?: string): Promise<WaitingDeadLetters[] | undefined> {
  const surroundings = await surroundingsOf(context);
  return withBrokerIfAny(context, 'read', (broker) =>
    broker === undefined ? undefined : waitingIn(context, surroundings, broker, worker),
  );
}

/** Runs `work` on the stored dead letters, then publishes the events that it appended; reports dead letters that wait in the
 *  broker. Works without a broker, too: the keeper publishes the events then. */
export async function withDeadLetters<T>(context: Context, work: (store: Store) => Promise<T>): Promise<T> {
  const surroundings = await surroundingsOf(context);
  return withOps(context, (store) =>
    withBrokerIfAny(context, 'write', async (broker) => {
      if (broker !== undefined) {
        await refuseForeignStore(context, store);
        await waitingIn(context, surroundings, broker);
      }
      const result = await work(store);
      if (broker !== undefined) await flushOps(context, store, broker, surroundings.names);
      return result;
    }),
  );
}

/** Runs `work` with the store, the broker and the checks that a replay needs; reports dead letters that wait in the broker.
 *  Rejects with `store.missing` or `broker.unreachable`. */
export async function withDeadLetterContext<T>(
  context: Context,
  access: Access,
  work: (replay: DeadLetterContext, stores: Pick<ExistingStores, 'unread'>) => Promise<T>,
): Promise<T> {
  const surroundings = await surroundingsOf(context);
  const { names, definitions, declared } = surroundings;
  const workers = declared.map(({ name }) => name);
  const services = openServices(context, await context.fleet());
  try {
    return await withOps(context, (store) =>
      withBroker(context, access, async (broker) => {
        await refuseForeignStore(context, store);
        await waitingIn(context, surroundings, broker);
        const { handled, isClosed } = services;
        const replay: DeadLetterContext = {
          store,
          broker,
          names,
          workers,
          definitions,
          now: Date.now,
          handled,
          isClosed,
        };
        const result = await work(replay, services);
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

/** A queue that does not answer must not prevent work on the stored dead letters. */
async function waitingIn(
  context: Context,
  { names, workers }: Pick<Surroundings, 'names' | 'workers'>,
  broker: Broker,
  worker?: string,
): Promise<WaitingDeadLetters[] | undefined> {
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
export function waitingLine(waiting: readonly WaitingDeadLetters[]): string {
  const total = waiting.reduce((sum, { ready }) => sum + ready, 0);
  const by = waiting.map(({ worker, ready }) => `${worker} ${ready}`).join(', ');
  return `${total} dead letters still wait in the broker (${by}); the keeper stores them, or: flotilla dead collect`;
}
