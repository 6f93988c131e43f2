import { FlotillaError } from '../../errors.js';
import { parseEnvelope, upcast } from '../../events/decode.js';
import type { Middleware } from '../station.js';

/** Reads the body as an event of the catalogue from a publisher that may publish it; what is none is refused with the code of
 *  what is wrong. */
export const decode: Middleware = (next, { name, definitions, route, verify }) => {
  return (message) => {
    const { body, properties } = message.delivery;
    const envelope = parseEnvelope(body, properties.contentType);
    verify?.(envelope.source, properties);
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
