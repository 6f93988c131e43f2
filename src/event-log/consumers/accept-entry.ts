import type { StreamEntry } from '../../broker/broker.js';
import type { VerifyPublisher } from '../../broker/users/verify-publisher.js';
import { FlotillaError, hasCode } from '../../errors.js';
import { isOpenTo, type Definitions } from '../../events/definitions.js';
import { eventIn } from '../../events/event-in.js';
import { parseEnvelope } from '../../events/parse-envelope.js';

/** Whether a consumer of the log may trust an entry: the event was published by the owner of its source, and it is
 *  signed where signatures are required, or its type is open to its external source. True for an entry that is not
 *  an event, which the consumer ignores itself. */
export function isAccepted(
  entry: Pick<StreamEntry, 'body' | 'properties' | 'origin'>,
  { verify, definitions = {} }: { verify?: VerifyPublisher | undefined; definitions?: Definitions | undefined },
): boolean {
  if (!isFromItsPublisher(entry, verify)) return false;
  if (entry.origin !== 'outside') return true;
  const event = eventIn(entry);
  return event !== undefined && isOpenTo(definitions, event.type, event.source);
}

/** Returns false for an event whose publisher may not publish for its source; true for an entry that is not an
 *  event. */
export function isFromItsPublisher(
  entry: Pick<StreamEntry, 'body' | 'properties'>,
  verify: VerifyPublisher | undefined,
): boolean {
  if (verify === undefined) return true;
  try {
    verify(parseEnvelope(entry).source, entry.properties);
    return true;
  } catch (error) {
    if (error instanceof FlotillaError) return !hasCode(error, 'contract.unverified_source');
    throw error;
  }
}
