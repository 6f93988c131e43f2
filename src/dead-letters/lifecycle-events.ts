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

/** Appends the event of a state change of a dead letter, in the transaction of the change: with the subject and the correlation of
 *  the message, caused by it; but under a subject of its own where the message may be forged, so that it has no effect on the
 *  subject that it claims. `occasion` distinguishes several events of one type about one dead letter; the same event is
 *  appended once. Nothing is appended about a dead letter that is itself such an event, which would produce others without
 *  end. */
export async function appendLifecycleEvent(
  tx: Pick<Tx, 'append'>,
  options: { source: string; now: number; occasion: string | number },
  letter: Subject,
  change: LifecycleEvent,
): Promise<void> {
  if (letter.type !== null && isLifecycleEvent(letter.type)) return;
  const event = lifecycleEvent(options, letter, change);
  await tx.append(event.subject, 'any', [event]);
}

/** The types of these events, which only the service of the keeper emits. */
export const LIFECYCLE_EVENTS: ReadonlySet<string> = new Set<LifecycleEvent['type']>([
  'message.dead_lettered',
  'message.replayed',
  'message.discarded',
]);

/** A catalogue may have other types with this prefix. */
function isLifecycleEvent(type: string): boolean {
  return LIFECYCLE_EVENTS.has(type);
}

function lifecycleEvent(
  { source, now, occasion }: { source: string; now: number; occasion: string | number },
  letter: Subject,
  change: LifecycleEvent,
): UnsequencedEvent {
  const { id, worker, eventId, type, kind, code, message } = letter;
  const isGenuine = letter.origin !== 'outside' && (letter.conflictOf ?? null) === null;
  const common = { deadLetterId: id, worker, eventId, type, kind, code };
  const context = {
    id: derivedId(Date.parse(letter.deadAt), id, change.type, occasion),
    source,
    subject: (isGenuine ? letter.subject : null) ?? `dead-letter/${id}`,
    time: new Date(now).toISOString(),
    correlationId: (isGenuine ? letter.correlationId : null) ?? id,
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
