import { FlotillaError } from '../../errors.js';
import { decodeEvent } from '../../events/decode.js';
import type { Middleware } from '../station.js';

/** Reads the body as an event of the catalogue; what is none is refused with the code of what is wrong. */
export const decode: Middleware = (next, { name, definitions, route }) => {
  return (message) => {
    const { body, properties } = message.delivery;
    const event = decodeEvent(definitions, body, properties.contentType);
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
