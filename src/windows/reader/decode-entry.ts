import type { StreamEntry } from '../../broker/broker.js';
import type { VerifyPublisher } from '../../broker/users/verify-publisher.js';
import { isAccepted } from '../../event-log/consumers/accept-entry.js';
import { positionOf, type LogPosition } from '../../event-log/positions/position.js';
import type { Definitions } from '../../events/definitions.js';
import { eventIn } from '../../events/event-in.js';
import type { WindowsDefinition } from '../definition.js';
import type { Incoming } from '../processor.js';
import type { Failures } from '../engine/failures.js';
import { arrivingEvent } from './arriving-event.js';

export interface DecodeOptions {
  verify?: VerifyPublisher | undefined;
  /** Every type of the fleet. */
  definitions?: Definitions | undefined;
  /** The services that emit each type. */
  emitters?: ReadonlyMap<string, ReadonlySet<string>> | undefined;
}

/** Reads an entry of the log as an event of the definition. An event of another type or with another routing key, or one
 *  that its publisher may not publish, only moves the position. */
export function decodeEntry(
  definition: WindowsDefinition,
  entry: StreamEntry,
  options: DecodeOptions & { failures: Failures },
): Incoming<LogPosition> {
  const position = positionOf(entry);
  // most entries are of other types: they are neither parsed nor verified
  if (!definition.foldOf.has(entry.routingKey)) return { position };
  const envelope = eventIn(entry);
  if (envelope === undefined || !definition.foldOf.has(envelope.type)) return { position };
  if (!isAccepted(entry, options)) return { position };
  const known = options.emitters?.get(envelope.type);
  if (known !== undefined && !known.has(envelope.source)) return { position };
  return { position, event: arrivingEvent(definition, envelope, options.failures) };
}
