import { createEvent } from '../events/create.js';
import { base } from '../events/definitions.js';
import type { UnsequencedEvent } from '../events/envelope.js';
import { derivedId } from '../events/ids.js';
import type { Tx } from '../store/store.js';
import type { DeadLetter, DeadLetterFacts, StoredDeadLetter } from './dead-letter.js';

/** An event about the lifecycle of a dead letter. */
export type LifecycleEvent =
  { type: 'message.dead_lettered' } | { type: 'message.replayed' } | { type: 'message.discarded'; reason: string };

/** The dead letter that the event is about. */
type Subject = DeadLetterFacts & Pick<DeadLetter, 'origin'> & { conflictOf?: StoredDeadLetter['conflictOf'] };

/** Appends the event of a state change of a dead letter, in the transaction of the change. The event has the subject
 *  and the correlation of the message and is caused by it; if the message may be forged, the event has a separate
 *  subject, so that it has no effect on the claimed subject. `occasion` distinguishes several events of one type about
 *  one dead letter; the same event is appended once. No event is appended for a dead letter that is itself such an
 *  event, which would cause an endless chain. */
export async function appendLifecycleEvent(
  tx: Pick<Tx, 'append'>,
  options: { source: string; now: number; occasion: string | number },
  deadLetter: Subject,
  change: LifecycleEvent,
): Promise<void> {
  if (deadLetter.type !== null && isLifecycleEvent(deadLetter.type)) return;
  const event = lifecycleEvent(options, deadLetter, change);
  await tx.append(event.subject, 'any', [event]);
}

/** The types of these events, which only the keeper's service emits. */
export const LIFECYCLE_EVENTS: ReadonlySet<string> = new Set<LifecycleEvent['type']>([
  'message.dead_lettered',
  'message.replayed',
  'message.discarded',
]);

/** Not every type with this prefix is a lifecycle event; a catalogue may declare others. */
function isLifecycleEvent(type: string): boolean {
  return LIFECYCLE_EVENTS.has(type);
}

function lifecycleEvent(
  { source, now, occasion }: { source: string; now: number; occasion: string | number },
  deadLetter: Subject,
  change: LifecycleEvent,
): UnsequencedEvent {
  const { id, worker, eventId, type, kind, code, message } = deadLetter;
  const isGenuine = deadLetter.origin !== 'outside' && (deadLetter.conflictOf ?? null) === null;
  const common = { deadLetterId: id, worker, eventId, type, kind, code };
  const context = {
    id: derivedId(Date.parse(deadLetter.deadAt), id, change.type, occasion),
    source,
    subject: (isGenuine ? deadLetter.subject : null) ?? `dead-letter/${id}`,
    time: new Date(now).toISOString(),
    correlationId: (isGenuine ? deadLetter.correlationId : null) ?? id,
    ...(isGenuine && eventId !== null && { causationId: eventId }),
  };
  switch (change.type) {
    case 'message.dead_lettered':
      return createEvent(base, change.type, { ...common, message }, context);
    case 'message.replayed':
      return createEvent(base, change.type, common, context);
    case 'message.discarded':
      return createEvent(base, change.type, { ...common, reason: change.reason }, context);
  }
}
