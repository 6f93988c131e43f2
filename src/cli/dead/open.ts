import type { Broker } from '../../broker/contract.js';
import { pumpDeadLetters } from '../../dead-letters/pump.js';
import type { Replayer } from '../../dead-letters/replay.js';
import { hasCode } from '../../errors.js';
import type { Store } from '../../store/contract.js';
import { silentLogger } from '../../telemetry/logger.js';
import type { Context } from '../context.js';
import {
  flushOps,
  openBroker,
  openServices,
  surroundingsOf,
  withBroker,
  withOps,
  type Surroundings,
} from '../resources.js';

const PUMP_LIMIT = 5000;
/** Looking at what is kept already should not take long to begin. */
const PATIENCE = 3000;

/** Runs `work` on what is kept, after what still waits in the broker has been kept too. Without a broker it runs on
 *  what is kept already, and says so. */
export async function withDeadLetters<T>(context: Context, work: (store: Store) => Promise<T>): Promise<T> {
  const surroundings = await surroundingsOf(context);
  return withOps(context, async (store) => {
    const broker = await openBroker(context, PATIENCE).catch((error: unknown) => {
      if (!hasCode(error, 'broker.unreachable')) throw error;
      context.say(`Without the dead letters that may still wait in the broker: ${error.message}`);
      return undefined;
    });
    if (broker === undefined) return work(store);
    try {
      await pump(context, surroundings, store, broker);
      const result = await work(store);
      await flushOps(context, store, broker, surroundings.names);
      return result;
    } finally {
      await broker.close();
    }
  });
}

/** Runs `work` with all that sending again takes. Rejects with `broker.unreachable`. */
export async function withReplayer<T>(context: Context, work: (replayer: Replayer) => Promise<T>): Promise<T> {
  const surroundings = await surroundingsOf(context);
  const services = openServices(context, await context.fleet());
  try {
    return await withOps(context, (store) =>
      withBroker(context, async (broker) => {
        await pump(context, surroundings, store, broker);
        const { names, definitions } = surroundings;
        const result = await work({
          store,
          broker,
          names,
          definitions,
          now: Date.now,
          handled: services.handled,
          isClosed: services.isClosed,
        });
        await flushOps(context, store, broker, names);
        return result;
      }),
    );
  } finally {
    await services.close();
  }
}

async function pump(context: Context, { names, workers, definitions }: Surroundings, store: Store, broker: Broker) {
  await pumpDeadLetters({
    store,
    broker,
    names,
    definitions,
    workers: workers.map(({ name }) => name),
    logger: context.config.logLevel === 'debug' ? context.logger() : silentLogger(),
    limit: PUMP_LIMIT,
    signal: context.signal,
  });
}
