import type { Broker } from '../../broker/broker.js';
import type { Names } from '../../broker/topology/topology.js';
import { FlotillaError, withRemedy } from '../../errors.js';
import { decodeEvent } from '../../events/decode.js';
import { definitionOf, type Definitions } from '../../events/definitions.js';
import type { RequestedVersions } from '../../events/read-as.js';
import type { InboxKey } from '../../store/store.js';
import type { StoredDeadLetter } from '../dead-letter.js';

/** The dependencies of the checks before a replay. */
export interface CheckContext {
  broker: Pick<Broker, 'queueDepth'>;
  names: Names;
  /** The workers of the fleet that have a queue. */
  workers: readonly string[];
  definitions: Definitions;
  /** The versions in which a worker receives events. @default the latest */
  requested?: ((worker: string) => RequestedVersions | undefined) | undefined;
  /** Whether the worker has handled the event, according to its store; undefined if that store is unreachable. */
  handled?: ((key: InboxKey) => Promise<boolean | undefined>) | undefined;
  /** Whether the aggregate of a command is closed, so that the command is obsolete. */
  isClosed?: ((command: { type: string; subject: string }) => Promise<boolean>) | undefined;
}

export interface CheckResult {
  /** Why the dead letter should not be sent; undefined if there is no objection. */
  refusal: { code: string; message: string; forcible: boolean } | undefined;
  /** A remark for the operator. */
  note: string | undefined;
}

/** Checks whether replaying the dead letter can succeed: its state, trust, route, schema and inbox, and for a command
 *  its aggregate. `to`: the target worker. Changes nothing. */
export async function checkDeadLetter(
  deadLetter: StoredDeadLetter,
  context: CheckContext,
  { to = deadLetter.worker, vouch = false }: { to?: string | undefined; vouch?: boolean | undefined } = {},
): Promise<CheckResult> {
  const refuse = (error: FlotillaError, forcible: boolean): CheckResult => ({
    refusal: { code: error.code, message: withRemedy(error), forcible },
    note: undefined,
  });
  const { state, source, eventId } = deadLetter;
  if (state === 'replayed' || state === 'discarded') {
    return refuse(new FlotillaError('dead_letter.settled', `${deadLetter.id} is ${state}`), false);
  }
  if (deadLetter.code === 'contract.unverified_source' && deadLetter.replacement === null) {
    return refuse(new FlotillaError(deadLetter.code, deadLetter.message), true);
  }
  const untrusted = deadLetter.replacement === null ? trustProblem(deadLetter, context.definitions, vouch) : undefined;
  if (untrusted !== undefined) return refuse(untrusted, false);
  // the queue of a renamed or removed worker would accept messages that no worker handles
  if (!context.workers.includes(to)) {
    const detail = `this fleet has no worker ${to} with a queue; choose another by --to`;
    return refuse(new FlotillaError('dead_letter.refused', detail), false);
  }
  const queue = context.names.queue(to);
  if ((await context.broker.queueDepth(queue)) === undefined) {
    return refuse(new FlotillaError('dead_letter.refused', `there is no queue ${queue}; apply the topology`), false);
  }
  const problem = deadLetter.replacement === null ? schemaProblem(deadLetter, context, to) : undefined;
  if (problem !== undefined) return refuse(problem, true);
  const { kind, type, subject } = deadLetter;
  if (
    kind === 'command' &&
    type !== null &&
    subject !== null &&
    (await context.isClosed?.({ type, subject })) === true
  ) {
    return refuse(new FlotillaError('dead_letter.closed', subject), true);
  }
  const known =
    deadLetter.replacement === null && source !== null && eventId !== null
      ? await context.handled?.({ consumer: to, source, id: eventId })
      : undefined;
  return {
    refusal: undefined,
    note: known === true ? 'the worker has already handled it, and will only ack it' : undefined,
  };
}

/** Why the body cannot be sent, or must not be signed and sent as a message of the fleet. */
function trustProblem(
  { id, conflictOf, body, bodySize, origin = null, type, source }: StoredDeadLetter,
  definitions: Definitions,
  vouch: boolean,
): FlotillaError | undefined {
  if (conflictOf !== null) return new FlotillaError('dead_letter.conflict', `${id} conflicts with ${conflictOf}`);
  if (body.length < bodySize) return new FlotillaError('dead_letter.truncated', `${id} had ${bodySize} bytes`);
  if (origin === null || origin === 'fleet' || vouch) return undefined;
  const allowed = type === null ? undefined : definitionOf(definitions, type)?.outside;
  return allowed?.includes(source ?? '') === true ? undefined : new FlotillaError('dead_letter.unsigned', id);
}

function schemaProblem(
  deadLetter: StoredDeadLetter,
  { definitions, requested }: CheckContext,
  worker: string,
): FlotillaError | undefined {
  try {
    decodeEvent(definitions, deadLetter, requested?.(worker));
    return undefined;
  } catch (error) {
    if (!(error instanceof FlotillaError)) throw error;
    return new FlotillaError('dead_letter.refused', `it would fail again: ${error.message} (${error.code})`);
  }
}
