import { formatDuration } from '../duration.js';
import { groupDeadLetters } from '../dead-letters/storage/queries.js';
import { FlotillaError } from '../errors.js';
import { kindOf } from '../events/definitions.js';
import { hasQueue } from '../worker/definition/queues.js';
import type { ReplayContext } from './replay-context.js';
import type { ReplayRequest } from './runs/replay-run.js';
import { selectedTypes } from './select-events.js';

/** Checks whether a replay is possible, and returns warnings. Throws `replay.refused` with the remedy. */
export async function checkRequest(context: ReplayContext, request: ReplayRequest): Promise<string[]> {
  const { worker, names, broker, workerStore } = context;
  const refuse = (detail: string) => new FlotillaError('replay.refused', detail);
  if (!hasQueue(worker)) {
    const instead = worker.projections.length > 0 ? ': rebuild its read models by flotilla projections rebuild' : '';
    throw refuse(`${worker.name} has no queue${instead}`);
  }
  selectedTypes(worker, request.selection.types);
  if ((await broker.queueDepth(names.queue(worker.name))) === undefined) {
    throw refuse(`there is no queue ${names.queue(worker.name)}; start the worker, or see flotilla topology apply`);
  }
  if (request.again !== null && worker.replay === undefined) {
    throw refuse(
      `${worker.name} does not allow handled events to be handled again; declare replay: 'idempotent' where that ` +
        `changes nothing, or replay: 'reset' with reset(tx), which empties its tables`,
    );
  }
  if (request.again === 'reset') {
    if (workerStore === undefined) {
      throw refuse(`${worker.name} is reset in its store ${worker.store}, which is not on this machine`);
    }
    const gap = request.force ? undefined : await gapAfterReset(context, request);
    if (gap !== undefined) throw refuse(`after a reset ${worker.name} would be incomplete: ${gap}`);
  }
  return [
    ...(await incompleteHistory(context, request)),
    ...repeatedCommands(context, request),
    ...(await waitingRetries(context, request)),
    ...(await deadLetters(context, request)),
  ];
}

/** Why the state of a worker would be incomplete after a reset. */
async function gapAfterReset(
  { worker, history }: ReplayContext,
  { selection, limit }: ReplayRequest,
): Promise<string | undefined> {
  const { commands = false, ...narrowed } = selection;
  if (Object.keys(narrowed).length > 0 || limit !== null) {
    return 'only a part of its history is selected (--force overrides this)';
  }
  const left = [...worker.handlerOf.keys()].filter((type) => kindOf(worker.definitions, type) === 'command');
  if (!commands && left.length > 0) return `it handles ${left.join(', ')}, which are sent with --commands only`;
  const incomplete = await history.incomplete();
  if (incomplete === undefined) return undefined;
  const instead = history.from === 'log' ? '--from journal may have more' : 'see the journal';
  return `${incomplete}; ${instead}, or use --force`;
}

/** A message that waits for a retry may be overtaken by its replayed copy, which has no external side effects. */
async function waitingRetries(
  { worker, names, broker }: ReplayContext,
  { sideEffects }: ReplayRequest,
): Promise<string[]> {
  if (sideEffects) return [];
  const queues = new Map(worker.retryDelays.map((delay) => [formatDuration(delay), names.retry(worker.name, delay)]));
  let waiting = 0;
  for (const queue of queues.values()) waiting += (await broker.queueDepth(queue))?.ready ?? 0;
  if (waiting === 0) return [];
  return [
    `${waiting} messages of ${worker.name} wait for a retry; those that the replay overtakes have no external side effects ` +
      '(flotilla retrying now retries them first)',
  ];
}

/** Warns if history is incomplete; not applicable to a time range. */
async function incompleteHistory(
  { history }: ReplayContext,
  { selection: { since } }: ReplayRequest,
): Promise<string[]> {
  const gap = since === undefined ? await history.incomplete() : undefined;
  return gap === undefined ? [] : [`history is incomplete: ${gap}`];
}

/** A worker with a new store has no record of earlier commands. Without side effects its handler cannot complete one
 *  that calls an external service. */
function repeatedCommands({ worker }: ReplayContext, { selection, again, sideEffects }: ReplayRequest): string[] {
  if (selection.commands !== true) return [];
  const commands = selectedTypes(worker, selection.types).filter(
    (type) => kindOf(worker.definitions, type) === 'command',
  );
  if (commands.length === 0) return [];
  const handled = `${commands.join(', ')}${again === null ? ` that ${worker.name} has no record of` : ''}`;
  if (sideEffects) {
    return [
      `${handled} are carried out with their external side effects: only the idempotency key, which is unchanged, ` +
        'prevents duplicates',
    ];
  }
  return [
    `${handled} are handled without external side effects: a command whose handler makes a call with ` +
      '{ sideEffect: true } becomes a dead letter (worker.side_effect_refused); --side-effects permits these calls, and ' +
      'does not affect a worker that makes none',
  ];
}

/** Replayed events count as handled, so that replaying their dead letters later has no effect. */
async function deadLetters({ worker, names, broker, store }: ReplayContext, { sideEffects }: ReplayRequest) {
  if (sideEffects) return [];
  const stored = await groupDeadLetters(store, { worker: worker.name, states: ['dead'] });
  const waiting = (await broker.queueDepth(names.dead(worker.name)))?.ready ?? 0;
  const count = stored.reduce((sum, group) => sum + group.count, waiting);
  if (count === 0) return [];
  return [
    `there are ${count} dead letters of ${worker.name}; those that the replay sends have no external side effects, ` +
      'not even when they are replayed later (replay them first by flotilla dead replay)',
  ];
}
