import { FlotillaError, messageOf } from '../../errors.js';
import { upcast } from '../../events/decode.js';
import type { EventEnvelope } from '../../events/envelope.js';
import { isTextLine } from '../../events/text-line.js';
import type { Split, WindowsDefinition } from '../definition.js';
import type { ArrivingEvent, ArrivingPart } from '../engine/arriving-event.js';
import type { WindowInput } from '../engine/engine.js';
import { Failures } from '../engine/failures.js';
import type { EventPart } from '../event-part.js';

/** The maximum number of parts of an event. */
const MAX_PARTS = 10_000;
/** The maximum length of the id of a part. */
const MAX_ID_LENGTH = 256;

/** Converts an event to inputs of the engine. An event with data that its type does not allow, or that cannot be split,
 *  is refused. A part without a usable time, key or id is refused alone. */
export function arrivingEvent(
  definition: WindowsDefinition,
  envelope: EventEnvelope,
  failures = new Failures(),
): ArrivingEvent {
  const { id, source, type, time } = envelope;
  const fold = definition.foldOf.get(type) ?? ((state: unknown) => state);
  const base: WindowInput = { id, part: '', source, type, time: Date.parse(time), key: '', event: envelope, fold };
  try {
    base.event = upcast(definition.definitions, envelope);
    const split = definition.splitOf.get(type);
    if (split === undefined) return { id, source, parts: [placed(definition, { input: base }, failures)] };
    const parts = partsOf(split, base.event);
    return { id, source, parts: parts.map((part, place) => placed(definition, partOf(base, part, place), failures)) };
  } catch (error) {
    return { id, source, parts: [refused({ input: base }, error)] };
  }
}

/** Calls the function of the definition. */
function partsOf(split: Split, event: unknown): readonly EventPart<unknown>[] {
  try {
    const parts = split(event);
    if (parts.length > MAX_PARTS) throw new RangeError(`${parts.length} parts; at most ${MAX_PARTS} are possible`);
    return parts;
  } catch (error) {
    throw new FlotillaError('windows.split_failed', messageOf(error), { cause: error });
  }
}

function partOf(base: WindowInput, { id, data }: EventPart<unknown>, place: number): ArrivingPart {
  const input = { ...base, part: String(place), event: { ...(base.event as EventEnvelope), data } };
  if (id === undefined) return { input };
  if (!isTextLine(id, MAX_ID_LENGTH)) return refused({ input }, new FlotillaError('windows.bad_part_id'));
  input.part = id;
  return { input, id };
}

/** Sets the time and the key of a part, unless it is refused. */
function placed(definition: WindowsDefinition, part: ArrivingPart, failures: Failures): ArrivingPart {
  const { input } = part;
  const refusal = part.refusal ?? failures.of(input);
  if (refusal !== undefined) return { ...part, refusal };
  try {
    if (definition.time !== undefined) input.time = timeOf(definition.time(input.event));
    input.key = definition.key(input.event);
    return part;
  } catch (error) {
    return refused(part, error);
  }
}

function refused(part: ArrivingPart, error: unknown): ArrivingPart {
  const code = error instanceof FlotillaError ? error.code : 'windows.fold_failed';
  return { ...part, refusal: { code, message: messageOf(error) } };
}

function timeOf(text: string): number {
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw new FlotillaError('windows.bad_time');
  return time;
}
