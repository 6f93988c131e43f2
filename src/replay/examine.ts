import { formatDuration } from '../duration.js';
import { groupDeadLetters } from '../dead-letters/queries.js';
import { FlotillaError } from '../errors.js';
import { kindOf } from '../events/definitions.js';
import { hasQueue } from '../worker/definition/queues.js';
import type { Replayer } from './replayer.js';
import type { ReplayRequest } from './run.js';
import { typesMeant } from './sort.js';

/** Whether this can be replayed at all; gives what is good to know before. Throws `replay.refused`, saying what to do. */
export async function examineRequest(replayer: Replayer, request: ReplayRequest): Promise<string[]> {
  const { worker, names, broker, workerStore } = replayer;
  const refuse = (detail: string) => new FlotillaError('replay.refused', detail);
  if (!hasQueue(worker)) {
    const instead = worker.projections.length > 0 ? ': flotilla projections rebuild makes its read models anew' : '';
    throw refuse(`${worker.name} has no queue${instead}`);
  }
  typesMeant(worker, request.selection.types);
  if ((await broker.queueDepth(names.queue(worker.name))) === undefined) {
    throw refuse(`there is no queue ${names.queue(worker.name)}; start the worker, or see flotilla topology apply`);
  }
  if (request.again !== null && worker.replay === undefined) {
    throw refuse(
      `${worker.name} does not say that it may handle again what it has handled; declare replay: 'idempotent' where ` +
        `that changes nothing, or replay: 'reset' with reset(tx), which empties its tables`,
    );
  }
  if (request.again === 'reset') {
    if (workerStore === undefined) {
      throw refuse(`${worker.name} is reset in its store ${worker.store}, which is not on this machine`);
    }
    const gap = request.force ? undefined : await gapAfterReset(replayer, request);
    if (gap !== undefined) throw refuse(`after a reset ${worker.name} would lack something: ${gap}`);
  }
  return [
    ...(await missing(replayer, request)),
    ...askedAgain(replayer, request),
    ...(await waitingRetries(replayer, request)),
    ...(await deadLetters(replayer, request)),
  ];
}

/** What a worker that was reset would not get back. */
async function gapAfterReset(
  { worker, history }: Replayer,
  { selection, limit }: ReplayRequest,
): Promise<string | undefined> {
  const { commands = false, ...narrowed } = selection;
  if (Object.keys(narrowed).length > 0 || limit !== null) {
    return 'only a part of its history is asked for (--force does it all the same)';
  }
  const left = [...worker.handlerOf.keys()].filter((type) => kindOf(worker.definitions, type) === 'command');
  if (!commands && left.length > 0) return `it handles ${left.join(', ')}, which --commands sends too`;
  const incomplete = await history.incomplete();
  if (incomplete === undefined) return undefined;
  const instead = history.from === 'log' ? '--from journal may know more' : 'see the journal';
  return `${incomplete}; ${instead}, and --force does it all the same`;
}

/** What waits for another attempt may be overtaken by its copy from the past, which says nothing to the world outside. */
async function waitingRetries({ worker, names, broker }: Replayer, { sideEffects }: ReplayRequest): Promise<string[]> {
  if (sideEffects) return [];
  const queues = new Map(worker.retryDelays.map((delay) => [formatDuration(delay), names.retry(worker.name, delay)]));
  let waiting = 0;
  for (const queue of queues.values()) waiting += (await broker.queueDepth(queue))?.ready ?? 0;
  if (waiting === 0) return [];
  return [
    `${waiting} at ${worker.name} wait for another attempt; of those that the replay reaches first the world outside ` +
      'does not hear (flotilla retrying now brings them forward)',
  ];
}

/** Who asks for all of history is told when that is not to be had; of a time range it cannot be told. */
async function missing({ history }: Replayer, { selection: { since } }: ReplayRequest): Promise<string[]> {
  const gap = since === undefined ? await history.incomplete() : undefined;
  return gap === undefined ? [] : [`not all of the past is there: ${gap}`];
}

/** Of a command that a worker has no record of, because its store is new, the world outside may hear without being meant
 *  to: a handler needs the answer to what it asks for. */
function askedAgain({ worker }: Replayer, { selection }: ReplayRequest): string[] {
  if (selection.commands !== true) return [];
  const commands = typesMeant(worker, selection.types).filter((type) => kindOf(worker.definitions, type) === 'command');
  if (commands.length === 0) return [];
  return [
    `${commands.join(', ')} that ${worker.name} has no record of are carried out, outside as well: there nothing but the ` +
      'idempotency key, which is the same, keeps it from happening twice',
  ];
}

/** What the replay handles counts as handled, and a dead letter of it that is sent again later changes nothing. */
async function deadLetters({ worker, names, broker, store }: Replayer, { sideEffects }: ReplayRequest) {
  if (sideEffects) return [];
  const kept = await groupDeadLetters(store, { worker: worker.name, states: ['dead'] });
  const unkept = (await broker.queueDepth(names.dead(worker.name)))?.ready ?? 0;
  const count = kept.reduce((sum, group) => sum + group.count, unkept);
  if (count === 0) return [];
  return [
    `there are ${count} dead letters of ${worker.name}; of those that the replay sends the world outside does not hear, ` +
      'also not when they are replayed later (flotilla dead replay before this does)',
  ];
}
