import { orderFulfilment } from '../../../platform/orders/fulfilment/fulfilment-saga.js';
import { evolve, initialState, type SagaEvent, type SagaState } from '../../../src/sagas/decision/state.js';
import type { Event } from './stores.js';
import { sagaDefinitionOf } from '../../../src/sagas/definition/define-saga.js';

const definition = sagaDefinitionOf(orderFulfilment);

/** The service whose store contains the sagas. */
export const SAGAS = 'order-saga';

/** The saga of an order, rebuilt from its stream. */
export interface SagaHistory {
  events: SagaEvent[];
  state: SagaState;
}

/** The sagas by order id. */
export function readSagas(events: readonly Event[]): Map<string, SagaHistory> {
  const prefix = `${definition.name}/`;
  const sagas = new Map<string, SagaHistory>();
  for (const { service, type, subject, data } of events) {
    if (service !== SAGAS || !type.startsWith('saga.') || !subject.startsWith(prefix)) continue;
    const event = { type, data } as SagaEvent; // validated when it was stored
    const id = subject.slice(prefix.length);
    const saga = sagas.get(id) ?? { events: [], state: initialState };
    sagas.set(id, { events: [...saga.events, event], state: evolve(saga.state, event) });
  }
  return sagas;
}

/** The final status of an order by its failed step. */
const ENDINGS: Readonly<Record<string, string>> = {
  reserve: 'rejected',
  pay: 'payment_failed',
  ship: 'shipment_failed',
};

/** The expected final status of an order according to its saga; undefined while the saga is open. */
export function endingOf({ events, state }: SagaHistory, isCancelled: boolean): string | undefined {
  if (state.status === 'completed') return 'shipped';
  if (state.status !== 'compensated') return undefined;
  if (isCancelled) return 'cancelled';
  const why = events.find(({ type }) => type === 'saga.compensating');
  return why?.type === 'saga.compensating' ? ENDINGS[why.data.step ?? ''] : undefined;
}

/** The final status of an order whose saga timed out on a step; undefined otherwise. */
export function givenUp({ events }: SagaHistory): string | undefined {
  const at = events.findIndex(({ type }) => type === 'saga.compensating');
  const before = events[at - 1];
  return before?.type === 'saga.step_failed' && before.data.cause === 'timeout' ? ENDINGS[before.data.step] : undefined;
}

/** The maximum number of events of a type in an order's history, for types that request or answer steps: one per
 *  command of the saga. */
export function timesOf(type: string, saga: SagaHistory | undefined): number {
  const step = definition.steps.find(({ execute: { command, done, failed } }) =>
    [command.type, done, ...failed].includes(type),
  );
  return Math.max(1, (step && saga?.state.steps[step.name]?.forward.commands.length) ?? 0);
}

/** The answers to each command of the sagas. */
export const ANSWERS: ReadonlyMap<string, readonly string[]> = new Map(
  definition.steps
    .flatMap(({ execute, compensate }) => (compensate === undefined ? [execute] : [execute, compensate]))
    .map(({ command, done, failed }) => [command.type, [done, ...failed]]),
);

/** The number of each kind of saga result. */
export function tallyOf(sagas: Iterable<SagaHistory>): Record<string, number> {
  const tally: Record<string, number> = { sagas: 0 };
  const count = (name: string) => (tally[name] = (tally[name] ?? 0) + 1);
  for (const { events, state } of sagas) {
    count('sagas');
    count(state.status);
    for (const event of events) {
      if (event.type === 'saga.step_failed' && event.data.cause === 'timeout') count('timed out');
      if (event.type === 'saga.step_started' && event.data.attempt > 1) count('retried');
      if (event.type === 'saga.message_noted') count(event.data.rule);
      if (event.type === 'saga.compensating') count(`undone: ${event.data.cause}`);
      if (event.type === 'saga.failed') count('could not be undone');
      if (event.type === 'saga.resumed') count('resumed');
    }
  }
  return tally;
}
