import type { StreamEntry } from '../../broker/broker.js';
import type { VerifyPublisher } from '../../broker/users/verify-publisher.js';
import { FlotillaError, messageOf } from '../../errors.js';
import { isAccepted } from '../../event-log/consumers/accept-entry.js';
import { positionOf, type LogPosition } from '../../event-log/positions/position.js';
import { upcast } from '../../events/decode.js';
import type { Definitions } from '../../events/definitions.js';
import type { EventEnvelope } from '../../events/envelope.js';
import { eventIn } from '../../events/event-in.js';
import type { WindowsDefinition } from '../definition.js';
import type { Incoming } from '../processor.js';
import { Failures } from '../engine/failures.js';

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
  return { position, event: inputOf(definition, envelope, options.failures) };
}

/** Converts an event to an input of the engine. An event with data that its type does not allow is refused. */
export function inputOf(
  definition: WindowsDefinition,
  envelope: EventEnvelope,
  failures = new Failures(),
): NonNullable<Incoming<unknown>['event']> {
  const { id, source, type, time } = envelope;
  const fold = definition.foldOf.get(type) ?? ((state: unknown) => state);
  const base = { id, source, type, time: Date.parse(time), key: '', event: envelope as unknown, fold };
  const refusal = failures.of(base);
  if (refusal !== undefined) return { input: base, refusal };
  try {
    const event = upcast(definition.definitions, envelope);
    base.event = event;
    if (definition.time !== undefined) base.time = timeOf(definition.time(event));
    base.key = definition.key(event);
    return { input: base };
  } catch (error) {
    const code = error instanceof FlotillaError ? error.code : 'windows.fold_failed';
    return { input: base, refusal: { code, message: messageOf(error) } };
  }
}

function timeOf(text: string): number {
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw new FlotillaError('windows.bad_time');
  return time;
}
