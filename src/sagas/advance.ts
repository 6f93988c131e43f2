import { decideOn, expectedBy, type NextContext } from '../aggregates/handle-command.js';
import { loadStream, streamOf } from '../aggregates/load.js';
import { createEvent } from '../events/create.js';
import type { EventEnvelope } from '../events/envelope.js';
import { failpoint } from '../failpoints.js';
import type { Tx } from '../store/contract.js';
import type { SagaInput } from './decide.js';
import { isLetter, wayOf } from './define.js';
import { sagaDecider } from './saga-decider.js';
import type { SagaState } from './state.js';
import { keepRow } from './table.js';
import type { Direction, SagaContext, SagaDefinition } from './types.js';

/**
 * Takes an input: reads the saga, decides, and stores in this transaction all that follows: the events of its stream,
 * its commands, the one timer of what it waits for, its row in the list. Gives the state after it. Throws what
 * `decide` throws to a person, or `contract.invalid_data` for a command that is not as the catalogue has it.
 */
export async function advance(
  tx: Tx,
  definition: SagaDefinition,
  input: SagaInput,
  nextContext: NextContext,
): Promise<SagaState> {
  const decider = sagaDecider(definition);
  const stream = streamOf(decider, input.sagaId);
  const seen = await loadStream(tx, definition.definitions, decider, stream);
  const { events, state } = decideOn(definition.definitions, decider, stream, seen, input, nextContext, {});
  if (events.length === 0) return seen.state;
  await tx.append(stream, expectedBy(seen), events);
  for (const { type, data } of events) {
    if (type === 'saga.step_started')
      await giveCommand(tx, definition, input.sagaId, state, data as Given, nextContext);
  }
  await setTimer(tx, definition, input.sagaId, { before: seen.state, after: state }, nextContext);
  await keepRow(tx.sql, definition.name, input.sagaId, state, input.now);
  failpoint('saga.advanced');
  return state;
}

/** The id of the saga that a message is about; undefined where it is about none of this kind. */
export function sagaIdOf(definition: SagaDefinition, event: EventEnvelope): string | undefined {
  if (isLetter(event.type)) return commandedBy(definition, event.subject);
  if (event.type !== 'saga.timer_due') return definition.correlate(event);
  const { saga, sagaId } = event.data as { saga: string; sagaId: string };
  return saga === definition.name ? sagaId : undefined;
}

/** What becomes of a command in the dead letters is said under the command's subject, with data that `correlate` need not
 *  know. */
function commandedBy({ subject: subjectOf }: SagaDefinition, subject: string): string | undefined {
  const sagaId = subject.slice(subjectOf('').length);
  return sagaId !== '' && subjectOf(sagaId) === subject ? sagaId : undefined;
}

interface Given {
  step: string;
  direction: Direction;
  command: { type: string; id: string };
}

async function giveCommand(
  tx: Tx,
  definition: SagaDefinition,
  sagaId: string,
  state: SagaState,
  { step: name, direction, command }: Given,
  nextContext: NextContext,
): Promise<void> {
  const { definitions } = definition;
  const way = wayOf(definition, name, direction);
  const { input, results, reason } = state;
  const context: SagaContext<unknown> = { sagaId, input, results, reason: direction === 'back' ? reason : '' };
  const data = (way.command.data as (context: SagaContext<unknown>) => unknown)(context);
  const subject = definition.subject(sagaId);
  const event = createEvent(definitions, command.type, data, { ...nextContext(subject, command.type), id: command.id });
  await tx.append(subject, 'any', [event]);
}

/** At most one timer of a saga is kept: that of what it waits for. */
async function setTimer(
  tx: Tx,
  { name: saga, definitions }: SagaDefinition,
  sagaId: string,
  { before, after }: { before: SagaState; after: SagaState },
  nextContext: NextContext,
): Promise<void> {
  const nameOf = ({ waiting }: SagaState) =>
    waiting && ['saga', saga, sagaId, waiting.step, waiting.direction, waiting.attempt, waiting.timer].join('/');
  const [old, id] = [nameOf(before), nameOf(after)];
  if (old === id && before.waiting?.at === after.waiting?.at) return;
  if (old !== undefined) await tx.cancelTimer(old);
  if (id === undefined || after.waiting === undefined) return;
  const { step, direction, attempt, timer, at } = after.waiting;
  const data = { saga, sagaId, step, direction, attempt, timer };
  const type = 'saga.timer_due';
  const event = createEvent(definitions, type, data, nextContext(`${saga}/${sagaId}`, type));
  await tx.schedule({ id, dueAt: Date.parse(at), event });
}
