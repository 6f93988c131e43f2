import type { StreamEntry } from '../broker/contract.js';
import type { VerifyPublisher } from '../broker/publishers.js';
import { FlotillaError, hasCode } from '../errors.js';
import { parseEnvelope } from '../events/parse-envelope.js';

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
