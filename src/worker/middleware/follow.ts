import { HEADERS } from '../../broker/messages/headers.js';
import { FlotillaError } from '../../errors.js';
import type { EventEnvelope } from '../../events/envelope.js';
import { moveToQuarantine } from '../quarantine/move-to-quarantine.js';
import type { Message } from '../pipeline/message.js';
import type { Middleware, WorkerPipelineContext } from '../pipeline/context.js';

/** Keeps the order of a subject while messages of it are quarantined: a later one follows them. A redelivered message may
 *  have a row that a terminated process has committed just now. */
export const follow: Middleware<WorkerPipelineContext> = (next, context) => {
  const { quarantined } = context;
  return (message) => (quarantined.isEmpty && !message.delivery.redelivered ? next(message) : handleOrFollow(message));

  async function handleOrFollow(message: Message) {
    const { event } = message;
    if (event === undefined || isEarlier(message)) return next(message);
    const followed = await quarantined.oneBySubject(event.subject, () => followQuarantined(message, event, context));
    return followed ?? next(message);
  }
};

/** Resolves with undefined for a message that no other one of its subject precedes. */
async function followQuarantined(message: Message, event: EventEnvelope, context: WorkerPipelineContext) {
  const first = await context.quarantined.first(event.subject);
  if (first === undefined || (first.id === event.id && first.source === event.source)) return undefined;
  const error = new FlotillaError('worker.behind_quarantined', `${first.id} of ${event.subject}`);
  return moveToQuarantine(context, message, { event, error });
}

/** Whether the worker began to handle the message before: it is a retry or a replayed dead letter, and precedes what is
 *  quarantined. A message that was parked without an attempt does not. */
function isEarlier({ delivery }: Message): boolean {
  const { headers } = delivery.properties;
  return headers[HEADERS.attempts] !== undefined || headers[HEADERS.replays] !== undefined;
}
