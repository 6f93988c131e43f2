import { FlotillaError } from '../../errors.js';
import { parseEnvelope } from '../../events/parse-envelope.js';
import type { Message } from '../pipeline/message.js';
import type { Middleware, PipelineContext } from '../pipeline/context.js';
import { requireTrusted } from './decode.js';
import { moveToQuarantine } from '../quarantine/move-to-quarantine.js';

/** Quarantines an event that this release cannot read: of a newer version, or of an unknown type that a binding of the
 *  worker delivers. Directly outside of `decode`, which throws synchronously: errors of handlers do not arrive here, and a
 *  message that can be read costs nothing. An event that is not trusted is rejected, because later ones of its subject would
 *  wait for it. */
export const quarantine: Middleware = (next, context) => (message) => {
  try {
    return next(message);
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    return quarantineUnreadable(message, error, context);
  }
};

/** Whether another release may be able to read what `decode` could not. */
export function isUnreadable(error: unknown): error is FlotillaError {
  return (
    error instanceof FlotillaError &&
    (error.code === 'contract.newer_version' || error.code === 'contract.unknown_type')
  );
}

function quarantineUnreadable(message: Message, error: FlotillaError, context: PipelineContext) {
  const event = message.envelope ?? parseEnvelope(message.delivery);
  if (error.code === 'contract.unknown_type' && !context.isBound(event.type)) throw error;
  requireTrusted(event, { ...context, origin: message.delivery.origin });
  message.key = context.keyOf(event, message.replay);
  const move = () => moveToQuarantine(context, message, { event, error });
  return context.quarantined === undefined ? move() : context.quarantined.oneBySubject(event.subject, move);
}
