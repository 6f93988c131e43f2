import { orderFulfilment } from '../../../platform/orders/fulfilment/fulfilment-saga.js';
import { evolve, initialState, type SagaEvent, type SagaState } from '../../../src/sagas/decision/state.js';
import type { Event } from './stores.js';
import { sagaDefinitionOf } from '../../../src/sagas/definition/define-saga.js';

const definition = sagaDefinitionOf(orderFulfilment);

/** The service whose store has the sagas. */
export const SAGAS = 'order-saga';

/** The saga of an order, as its stream tells it. */
export interface Story {
  events: SagaEvent[];
  state: SagaState;
}

/** The sagas by the ids of their orders. */
export function readSagas(events: readonly Event[]): Map<string, Story> {
  const prefix = `${definition.name}/`;
  const stories = new Map<string, Story>();
  for (const { service, type, subject, data } of events) {
    if (service !== SAGAS || !type.startsWith('saga.') || !subject.startsWith(prefix)) continue;
    const event = { type, data } as SagaEvent; // as it was checked when it was stored
    const id = subject.slice(prefix.length);
    const story = stories.get(id) ?? { events: [], state: initialState };
    stories.set(id, { events: [...story.events, event], state: evolve(story.state, event) });
  }
  return stories;
}

/** How an order has ended of which this step could not be done. */
const ENDINGS: Readonly<Record<string, string>> = {
  reserve: 'rejected',
  pay: 'payment_failed',
  ship: 'shipment_failed',
};

/** How the order must have ended whose saga has; undefined while it goes on. */
export function endingOf({ events, state }: Story, isCancelled: boolean): string | undefined {
  if (state.status === 'completed') return 'shipped';
  if (state.status !== 'compensated') return undefined;
  if (isCancelled) return 'cancelled';
  const why = events.find(({ type }) => type === 'saga.compensating');
  return why?.type === 'saga.compensating' ? ENDINGS[why.data.step ?? ''] : undefined;
}

/** How an order has ended whose saga did not wait any longer for a step to be done; undefined where it did. */
export function givenUp({ events }: Story): string | undefined {
  const at = events.findIndex(({ type }) => type === 'saga.compensating');
  const before = events[at - 1];
  return before?.type === 'saga.step_failed' && before.data.cause === 'timeout' ? ENDINGS[before.data.step] : undefined;
}

/** How often the type may stand in an order's history, of those by which steps are asked for and answered: once for each
 *  command that the saga gave. */
export function timesOf(type: string, story: Story | undefined): number {
  const step = definition.steps.find(({ execute: { command, done, failed } }) =>
    [command.type, done, ...failed].includes(type),
  );
  return Math.max(1, (step && story?.state.steps[step.name]?.forward.commands.length) ?? 0);
}

/** The answers to each command of the sagas. */
export const ANSWERS: ReadonlyMap<string, readonly string[]> = new Map(
  definition.steps
    .flatMap(({ execute, compensate }) => (compensate === undefined ? [execute] : [execute, compensate]))
    .map(({ command, done, failed }) => [command.type, [done, ...failed]]),
);

/** What has happened to sagas, and how often. */
export function tallyOf(stories: Iterable<Story>): Record<string, number> {
  const tally: Record<string, number> = { sagas: 0 };
  const count = (name: string) => (tally[name] = (tally[name] ?? 0) + 1);
  for (const { events, state } of stories) {
    count('sagas');
    count(state.status);
    for (const event of events) {
      if (event.type === 'saga.step_failed' && event.data.cause === 'timeout') count('timed out');
      if (event.type === 'saga.step_started' && event.data.attempt > 1) count('asked again');
      if (event.type === 'saga.message_noted') count(event.data.rule);
      if (event.type === 'saga.compensating') count(`undone: ${event.data.cause}`);
      if (event.type === 'saga.failed') count('could not be undone');
      if (event.type === 'saga.resumed') count('resumed');
    }
  }
  return tally;
}
