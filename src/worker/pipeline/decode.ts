import { FlotillaError } from '../../errors.js';
import { upcast } from '../../events/decode.js';
import { parseEnvelope } from '../../events/parse-envelope.js';
import type { Middleware } from '../station.js';

/** Reads the body as an event of the catalogue from a publisher that may publish it; what is none is refused with the code of
 *  what is wrong. */
export const decode: Middleware = (next, { name, definitions, route, verify }) => {
  return (message) => {
    const { delivery } = message;
    const envelope = parseEnvelope(delivery);
    verify?.(envelope.source, delivery.properties);
    const event = upcast(definitions, envelope);
    message.event = event;
    message.key = { consumer: name, source: event.source, id: event.id };
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
