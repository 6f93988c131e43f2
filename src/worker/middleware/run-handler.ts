import { HEADERS, readAttempts } from '../../broker/headers.js';
import { errorOf, FlotillaError } from '../../errors.js';
import { alertOfFailure } from '../../sagas/alert.js';
import { openContext } from '../handler/context.js';
import { Emissions } from '../handler/effects.js';
import type { Handle } from '../pipeline/message.js';
import { readReplay } from '../pipeline/replay-headers.js';
import type { WorkerStation } from '../pipeline/context.js';

/** Innermost: runs the handler of the event's type. What it said is to be stored is left in `message.effects`. */
export function handle(station: WorkerStation): Handle {
  const { definition } = station;
  return async (message) => {
    const { event, delivery } = message;
    const handler = event && definition.handlerOf.get(event.type);
    if (event === undefined || handler === undefined) throw new FlotillaError('contract.no_handler', definition.name);
    const { headers } = delivery.properties;
    const key = headers[HEADERS.key];
    const replayed = readReplay(headers);
    const context = openContext(station, event, new Emissions(station, event), {
      attempt: message.attempt,
      mayHaveBegun: delivery.redelivered || replayed !== undefined || readAttempts(headers).length > 0,
      key: typeof key === 'string' ? key : event.id,
      replaying: replayed !== undefined,
      sideEffects: replayed?.sideEffects ?? true,
      signal: message.signal,
    });
    try {
      await handler(event, context.ctx);
    } catch (error) {
      throw errorOf(error);
    } finally {
      context.revoke();
    }
    if (replayed === undefined) alertOfFailure(definition.sagas, event, station.logger);
    const sagas = definition.sagasOf.get(event.type) ?? [];
    message.effects = [...context.effects, ...sagas.map((saga) => ({ kind: 'saga', saga, event }) as const)];
    return 'done';
  };
}
