import type { Fields } from '../../broker/messages/amqp-fields.js';
import { HEADERS } from '../../broker/messages/headers.js';

/** The headers that a replay adds to its messages. */
export interface ReplayHeaders {
  /** The id of the replay: letters, digits and dashes. */
  run: string;
  /** Whether events that were handled before are handled again. */
  again: boolean;
  /** Whether handlers perform external side effects. */
  sideEffects: boolean;
}

const RUN = /^[\w-]{1,64}$/;

export function writeReplayHeaders({ run, again, sideEffects }: ReplayHeaders): Fields {
  return {
    [HEADERS.replay]: run,
    ...(again && { [HEADERS.again]: true }),
    ...(sideEffects && { [HEADERS.sideEffects]: true }),
  };
}

/** Reads the headers of a replay; undefined for a message that no replay sent. A malformed id still means a replay,
 *  with external side effects only if the header allows them, and without handling events again. */
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
