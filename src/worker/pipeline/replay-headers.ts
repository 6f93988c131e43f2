import type { Fields } from '../../broker/fields.js';
import { HEADERS } from '../../broker/headers.js';
import type { EventEnvelope } from '../../events/envelope.js';
import type { InboxKey } from '../../store/contract.js';
import type { WorkerDefinition } from '../definition/worker-definition.js';

/** What a message says of the replay that sent it. */
export interface ReplayHeaders {
  /** The replay; a word of letters, digits and dashes. */
  run: string;
  /** Whether it handles again also what was handled before. */
  again: boolean;
  /** Whether the world outside shall hear of it once more. */
  sideEffects: boolean;
}

const RUN = /^[\w-]{1,64}$/;

/** The headers of a message that a replay sends. */
export function writeReplayHeaders({ run, again, sideEffects }: ReplayHeaders): Fields {
  return {
    [HEADERS.replay]: run,
    ...(again && { [HEADERS.again]: true }),
    ...(sideEffects && { [HEADERS.sideEffects]: true }),
  };
}

/** Which replay sent the message; undefined where none did. Anybody may write headers: one that is not as it must be
 *  still means a replay, as that does less, but not one that handles anything again. */
export function readReplayHeaders(headers: Fields): ReplayHeaders | undefined {
  const run = headers[HEADERS.replay];
  if (run === undefined || run === null) return undefined;
  const named = typeof run === 'string' && RUN.test(run);
  return {
    run: named ? run : '',
    again: named && headers[HEADERS.again] === true,
    sideEffects: headers[HEADERS.sideEffects] === true,
  };
}

/**
 * Under which key the worker handles an event once. It is the ordinary one, but for a worker whose handling changes
 * nothing when it is done again: there a replay that asks for it has a key of its own, so that one replay handles an
 * event once however often it is interrupted. A worker that was reset has forgotten what it handled, and whichever of
 * the live and the replayed delivery comes first counts: under the ordinary key too.
 */
export function inboxKey(
  { name, replay }: Pick<WorkerDefinition, 'name' | 'replay'>,
  { source, id }: Pick<EventEnvelope, 'source' | 'id'>,
  replayed: Pick<ReplayHeaders, 'run' | 'again'> | undefined,
): InboxKey {
  const ofRun = replay === 'idempotent' && replayed?.again === true;
  return { consumer: ofRun ? `${name}:replay:${replayed.run}` : name, source, id };
}
