import { FlotillaError } from '../../errors.js';
import { upcast } from '../../events/decode.js';
import { parseEnvelope } from '../../events/parse-envelope.js';
import { isOpenTo } from '../../events/definitions.js';
import type { EventEnvelope } from '../../events/envelope.js';
import type { Delivery } from '../../broker/broker.js';
import type { Middleware, PipelineContext } from '../pipeline/context.js';

/** Decodes the body as an event of the catalogue and verifies its publisher. Rejects invalid messages with a
 *  `contract.*` code. */
export const decode: Middleware = (
  next,
  { name, definitions, requested, route, keyOf, verify, emitters, readTelemetry },
) => {
  return (message) => {
    const { delivery } = message;
    const reported = readTelemetry?.(delivery);
    message.envelope ??= reported;
    const envelope = message.envelope ?? parseEnvelope(delivery);
    // the permissions of its exchange verify the publisher of a message of a device
    if (message.isTrusted !== true && reported === undefined) verify?.(envelope.source, delivery.properties);
    const event = upcast(definitions, envelope, requested);
    if (message.isTrusted !== true) requireTrusted(event, { definitions, emitters, origin: delivery.origin });
    message.event = event;
    message.key = keyOf(event, message.replay);
    switch (route(event)) {
      case 'handled':
        return next(message);
      case 'ignored':
        return Promise.resolve('ignored');
      case 'unknown':
        throw new FlotillaError('contract.no_handler', `${event.type} at ${name}`);
    }
  };
};

/** An event must be signed and come from a service that emits its type, unless its type allows its source by `fromOutside`.
 *  Throws `contract.unsigned` or `contract.foreign_source`. */
export function requireTrusted(
  { type, source }: EventEnvelope,
  { definitions, emitters, origin }: Pick<PipelineContext, 'definitions' | 'emitters'> & Pick<Delivery, 'origin'>,
): void {
  if (isOpenTo(definitions, type, source)) return;
  const found = `${type} of ${JSON.stringify(source.slice(0, 100))}`;
  if (origin === 'outside') throw new FlotillaError('contract.unsigned', found);
  const known = emitters?.get(type);
  if (known !== undefined && !known.has(source)) throw new FlotillaError('contract.foreign_source', found);
}
