import { createEvent } from '../events/create.js';
import { base } from '../events/definitions.js';
import type { UnsequencedEvent } from '../events/envelope.js';
import { derivedId } from '../events/ids.js';
import type { Tx } from '../store/contract.js';
import type { DeadLetter, DeadLetterFacts, KeptDeadLetter } from './dead-letter.js';

/** What the fleet says about a dead letter. */
export type Announcement =
  { type: 'message.dead_lettered' } | { type: 'message.replayed' } | { type: 'message.discarded'; reason: string };

/** What an announcement is about. */
type Announced = DeadLetterFacts & Pick<DeadLetter, 'origin'> & { conflictOf?: KeptDeadLetter['conflictOf'] };

/** Appends what became of a dead letter, in the transaction that makes it so: under the subject of the message, in
 *  the story of the message, caused by it; but under a subject of its own where the message may be forged, so that it changes
 *  nothing of what it claims to be about. `occasion` tells apart several announcements of one kind about one dead
 *  letter; saying the same again changes nothing. Dead letters that are themselves about dead letters are passed
 *  over in silence: otherwise one such message would make another without end. */
export async function announce(
  tx: Pick<Tx, 'append'>,
  options: { source: string; now: number; occasion: string | number },
  letter: Announced,
  announcement: Announcement,
): Promise<void> {
  if (letter.type !== null && isAnnouncement(letter.type)) return;
  const event = announcementOf(options, letter, announcement);
  await tx.append(event.subject, 'any', [event]);
}

/** All of them; the keeper's service alone emits them. */
export const ANNOUNCEMENTS: ReadonlySet<string> = new Set<Announcement['type']>([
  'message.dead_lettered',
  'message.replayed',
  'message.discarded',
]);

/** A catalogue may have other types that begin like these. */
function isAnnouncement(type: string): boolean {
  return ANNOUNCEMENTS.has(type);
}

function announcementOf(
  { source, now, occasion }: { source: string; now: number; occasion: string | number },
  letter: Announced,
  announcement: Announcement,
): UnsequencedEvent {
  const { id, worker, eventId, type, kind, code, message } = letter;
  const isGenuine = letter.origin !== 'outside' && (letter.conflictOf ?? null) === null;
  const common = { deadLetterId: id, worker, eventId, type, kind, code };
  const context = {
    id: derivedId(Date.parse(letter.deadAt), id, announcement.type, occasion),
    source,
    subject: (isGenuine ? letter.subject : null) ?? `dead-letter/${id}`,
    time: new Date(now).toISOString(),
    correlationId: (isGenuine ? letter.correlationId : null) ?? id,
    ...(isGenuine && eventId !== null && { causationId: eventId }),
  };
  switch (announcement.type) {
    case 'message.dead_lettered':
      return createEvent(base, announcement.type, { ...common, message }, context);
    case 'message.replayed':
      return createEvent(base, announcement.type, common, context);
    case 'message.discarded':
      return createEvent(base, announcement.type, { ...common, reason: announcement.reason }, context);
  }
}
