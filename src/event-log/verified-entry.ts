import type { StreamEntry } from '../broker/contract.js';
import type { VerifyPublisher } from '../broker/publishers.js';
import { FlotillaError, hasCode } from '../errors.js';
import { isOpenTo, type Definitions } from '../events/definitions.js';
import { parseEnvelope } from '../events/parse-envelope.js';

/** Whether a reader of the log may believe the event: it is from its publisher, and signed where signatures are required or
 *  open to its source outside. What is no event is left to the reader. */
export function isAccepted(
  entry: Pick<StreamEntry, 'body' | 'properties' | 'origin'>,
  { verify, definitions = {} }: { verify?: VerifyPublisher | undefined; definitions?: Definitions | undefined },
): boolean {
  if (!isFromItsPublisher(entry, verify)) return false;
  if (entry.origin !== 'outside') return true;
  try {
    const { type, source } = parseEnvelope(entry);
    return isOpenTo(definitions, type, source);
  } catch (error) {
    if (error instanceof FlotillaError) return false;
    throw error;
  }
}

/** False for an event from a publisher that may not publish it. What is no event is left to the reader. */
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
