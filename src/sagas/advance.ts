import type { NextContext } from '../aggregates/execute.js';
import { expectedBy, loadStream, streamOf } from '../aggregates/load.js';
import { createEvent } from '../events/create.js';
import { failpoint } from '../failpoints.js';
import type { Tx } from '../store/store.js';
import { actionOf } from './definition/definition.js';
import { sagaDecider } from './decision/decide.js';
import type { SagaEvent, SagaState } from './decision/state.js';
import { saveSagaRow } from './saga-table.js';
import type { SagaInput } from './decision/trigger.js';
import type { SagaContext, SagaDefinition } from './definition/types.js';

/** Processes an input: loads the saga, decides, and stores the result in this transaction: the events of its stream,
 *  its commands, its timer, and its row in the saga table. Resolves with the new state. Throws the errors of `decide`,
 *  or `contract.invalid_data` for a command whose data does not match its schema. */
export async function advance(
  tx: Tx,
  definition: SagaDefinition,
  input: SagaInput,
  nextContext: NextContext,
): Promise<SagaState> {
  const { definitions, name } = definition;
  const { sagaId, now } = input;
  const decider = sagaDecider(definition);
  const stream = streamOf(decider, sagaId);
  const seen = await loadStream(tx, definitions, decider, stream);
  const decided = decider.decide(input, seen.state);
  if (decided.length === 0) return seen.state;
  const state = decided.reduce(decider.evolve, seen.state);
  const events = decided.map(({ type, data }) => createEvent(definitions, type, data, nextContext(stream, type)));
  await tx.append(stream, expectedBy(seen), events);
  for (const event of decided) {
    if (event.type === 'saga.step_started') await sendCommand(tx, definition, state, event.data, nextContext);
  }
  await setTimer(tx, definition, sagaId, { before: seen.state, after: state }, nextContext);
  await saveSagaRow(tx.sql, name, sagaId, state, now);
  failpoint('saga.advanced');
  return state;
}

type StepStarted = Extract<SagaEvent, { type: 'saga.step_started' }>['data'];

async function sendCommand(
  tx: Tx,
  definition: SagaDefinition,
  state: SagaState,
  { sagaId, step, direction, command: { type, id } }: StepStarted,
  nextContext: NextContext,
): Promise<void> {
  const { command } = actionOf(definition, step, direction);
  const { input, results, reason } = state;
  const context: SagaContext<unknown> = { sagaId, input, results, reason: direction === 'back' ? reason : '' };
  const data = (command.data as (context: SagaContext<unknown>) => unknown)(context);
  const subject = definition.subject(sagaId);
  const event = createEvent(definition.definitions, type, data, { ...nextContext(subject, type), id });
  await tx.append(subject, 'any', [event]);
}

/** A saga has at most one timer: the deadline or retry time that it waits for. */
async function setTimer(
  tx: Tx,
  { name: saga, definitions }: SagaDefinition,
  sagaId: string,
  { before, after }: { before: SagaState; after: SagaState },
  nextContext: NextContext,
): Promise<void> {
  const idOf = ({ waiting }: SagaState) =>
    waiting && ['saga', saga, sagaId, waiting.step, waiting.direction, waiting.attempt, waiting.timer].join('/');
  const [old, id] = [idOf(before), idOf(after)];
  if (old === id && before.waiting?.at === after.waiting?.at) return;
  if (old !== undefined) await tx.cancelTimer(old);
  if (id === undefined || after.waiting === undefined) return;
  const { step, direction, attempt, timer, at } = after.waiting;
  const data = { saga, sagaId, step, direction, attempt, timer };
  const type = 'saga.timer_due';
  const event = createEvent(definitions, type, data, nextContext(`${saga}/${sagaId}`, type));
  await tx.schedule({ id, dueAt: Date.parse(at), event });
}
