import { HEADERS, readAttempts } from '../../broker/messages/headers.js';
import { errorOf, FlotillaError } from '../../errors.js';
import { logSagaFailure } from '../../sagas/log-failure.js';
import { openHandlerContext } from '../handler/context.js';
import { Emissions } from '../handler/effects.js';
import type { HandleMessage } from '../pipeline/message.js';
import type { WorkerPipelineContext } from '../pipeline/context.js';

/** Innermost: runs the handler of the event's type. Collects its deferred writes in `message.effects`. */
export function runHandler(pipeline: WorkerPipelineContext): HandleMessage {
  const { definition } = pipeline;
  return async (message) => {
    const { event, delivery, replay } = message;
    const handler = event && definition.handlerOf.get(event.type);
    if (event === undefined || handler === undefined) throw new FlotillaError('contract.no_handler', definition.name);
    const { headers } = delivery.properties;
    const key = headers[HEADERS.key];
    const context = openHandlerContext(pipeline, event, new Emissions(pipeline, event), {
      attempt: message.attempt,
      mayHaveRunBefore: delivery.redelivered || replay !== undefined || readAttempts(headers).length > 0,
      key: typeof key === 'string' ? key : event.id,
      replaying: replay !== undefined,
      sideEffects: replay?.sideEffects ?? true,
      signal: message.signal,
      after: message.after,
    });
    try {
      await handler(event, context.ctx);
    } catch (error) {
      throw errorOf(error);
    } finally {
      context.revoke();
    }
    if (replay === undefined) logSagaFailure(definition.sagas, event, pipeline.logger);
    const sagas = definition.sagasOf.get(event.type);
    message.effects =
      sagas === undefined
        ? context.effects
        : [...context.effects, ...sagas.map((saga) => ({ kind: 'saga', saga, event }) as const)];
    return 'done';
  };
}
