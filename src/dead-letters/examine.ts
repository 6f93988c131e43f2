import type { Broker } from '../broker/contract.js';
import type { Names } from '../broker/topology.js';
import { FlotillaError } from '../errors.js';
import { decodeEvent } from '../events/decode.js';
import { definitionOf, type Definitions } from '../events/definitions.js';
import type { InboxKey } from '../store/contract.js';
import type { KeptDeadLetter } from './dead-letter.js';

/** What can be asked before a dead letter is sent again. */
export interface Examiner {
  broker: Pick<Broker, 'queueDepth'>;
  names: Names;
  /** The workers of the fleet that have a queue. */
  workers: readonly string[];
  definitions: Definitions;
  /** Whether the worker's own store says that it has handled this; undefined where that store is out of reach. */
  handled?: ((key: InboxKey) => Promise<boolean | undefined>) | undefined;
  /** Whether what the command is about has come to its end, so that nobody expects the command any more. */
  isClosed?: ((command: { type: string; subject: string }) => Promise<boolean>) | undefined;
}

export interface Examination {
  /** Why it should not be sent; undefined: nothing speaks against it. */
  refusal: { code: string; message: string; forcible: boolean } | undefined;
  /** What is good to know. */
  note: string | undefined;
}

/** Looks whether sending the dead letter again can lead to anything: its state, the route, the schema, the inbox, and
 *  for a command whether it is still wanted. `to`: the worker that it would be sent to. Changes nothing. */
export async function examine(
  letter: KeptDeadLetter,
  examiner: Examiner,
  { to = letter.worker, vouch = false }: { to?: string | undefined; vouch?: boolean | undefined } = {},
): Promise<Examination> {
  const refuse = (error: FlotillaError, forcible: boolean): Examination => ({
    refusal: { code: error.code, message: error.message, forcible },
    note: undefined,
  });
  const { state, source, eventId } = letter;
  if (state === 'replayed' || state === 'discarded') {
    return refuse(new FlotillaError('dead_letter.settled', `${letter.id} is ${state}`), false);
  }
  if (letter.code === 'contract.unverified_source' && letter.replacement === null) {
    return refuse(new FlotillaError(letter.code, letter.message), true);
  }
  const untrusted = letter.replacement === null ? trustProblem(letter, examiner.definitions, vouch) : undefined;
  if (untrusted !== undefined) return refuse(untrusted, false);
  // the queue of a worker that was renamed or removed takes messages, and nothing ever handles them
  if (!examiner.workers.includes(to)) {
    const detail = `this fleet has no worker ${to} with a queue; send it to another by --to`;
    return refuse(new FlotillaError('dead_letter.refused', detail), false);
  }
  const queue = examiner.names.queue(to);
  if ((await examiner.broker.queueDepth(queue)) === undefined) {
    return refuse(new FlotillaError('dead_letter.refused', `there is no queue ${queue}; apply the topology`), false);
  }
  const problem = letter.replacement === null ? schemaProblem(letter, examiner.definitions) : undefined;
  if (problem !== undefined) return refuse(problem, true);
  const { kind, type, subject } = letter;
  if (
    kind === 'command' &&
    type !== null &&
    subject !== null &&
    (await examiner.isClosed?.({ type, subject })) === true
  ) {
    return refuse(new FlotillaError('dead_letter.closed', subject), true);
  }
  const known =
    letter.replacement === null && source !== null && eventId !== null
      ? await examiner.handled?.({ consumer: to, source, id: eventId })
      : undefined;
  return {
    refusal: undefined,
    note: known === true ? 'the worker has handled it already, and will only ack it' : undefined,
  };
}

/** Why its body must not be sent in the fleet's name, or cannot be. */
function trustProblem(
  { id, conflictOf, body, bodySize, origin = null, type, source }: KeptDeadLetter,
  definitions: Definitions,
  vouch: boolean,
): FlotillaError | undefined {
  if (conflictOf !== null) return new FlotillaError('dead_letter.conflict', `${id} conflicts with ${conflictOf}`);
  if (body.length < bodySize) return new FlotillaError('dead_letter.truncated', `${id} had ${bodySize} bytes`);
  if (origin === null || origin === 'fleet' || vouch) return undefined;
  const allowed = type === null ? undefined : definitionOf(definitions, type)?.outside;
  return allowed?.includes(source ?? '') === true ? undefined : new FlotillaError('dead_letter.unsigned', id);
}

function schemaProblem(letter: KeptDeadLetter, definitions: Definitions): FlotillaError | undefined {
  try {
    decodeEvent(definitions, letter);
    return undefined;
  } catch (error) {
    if (!(error instanceof FlotillaError)) throw error;
    return new FlotillaError('dead_letter.refused', `it would only fail again: ${error.message} (${error.code})`);
  }
}
