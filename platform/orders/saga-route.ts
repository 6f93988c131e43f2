import {
  defineRoute,
  loadSagaStory,
  ProblemError,
  stepProgress,
  storyStatuses,
  type Route,
  type SagaStory,
  type StoreReader,
} from 'flotilla';
import { z } from 'zod';
import { isOrchestrated } from './fulfilment.js';
import { orderFulfilment } from './fulfilment-saga.js';
import { orderNotFound, orderWithoutSaga } from './problems.js';

const time = z.iso.datetime();
const tries = z.int().min(0);

const storyBody = z
  .object({
    saga: z.string(),
    sagaId: z.string(),
    /** `not_begun`: nothing of it has come here yet. `failed`: something could not be undone, a person is needed. */
    status: z.enum(storyStatuses),
    reason: z.string().nullable(),
    startedAt: time.nullable(),
    endedAt: time.nullable(),
    steps: z.array(
      z.object({
        name: z.string(),
        state: z.enum(stepProgress),
        attempts: tries,
        undoAttempts: tries,
        doneAt: time.nullable(),
        undoneAt: time.nullable(),
        failure: z.string().nullable(),
      }),
    ),
    waiting: z
      .object({
        step: z.string(),
        direction: z.enum(['forward', 'back']),
        attempt: z.int().min(1),
        for: z.enum(['answer', 'retry']),
        until: time,
        overdue: z.boolean(),
        deadLettered: z.string().nullable(),
      })
      .nullable(),
    entries: z.array(z.object({ at: time, step: z.string().nullable(), kind: z.string(), text: z.string() })),
    /** False while entries have not come here yet: ask again in a moment. */
    complete: z.boolean(),
  })
  .meta({
    id: 'OrderSaga',
    description: 'The saga of an order: its steps, what it waits for and what has happened',
  }) satisfies z.ZodType<SagaStory>;

export const orderSagaRoute: Route = defineRoute({
  method: 'get',
  path: '/orders/:id/saga',
  operationId: 'getOrderSaga',
  tag: 'Orders',
  summary: 'Read the steps of the saga that fulfils an order',
  description: 'As last reported by the saga; `not_begun` until its first report.',
  responses: { 200: storyBody },
  problems: [orderNotFound, orderWithoutSaga],
  handler: async ({ params: { id }, store }) => {
    await refuseWithoutSaga(store, id);
    return { status: 200, body: await loadSagaStory(store.query, orderFulfilment, id, Date.now()) };
  },
});

/** An order says as it is placed who fulfils it, and keeps to that. */
async function refuseWithoutSaga(store: StoreReader, id: string): Promise<void> {
  const [placed] = await store.read(`order/${id}`, 0, 1);
  if (placed?.type !== 'order.created') throw new ProblemError(orderNotFound);
  if (isOrchestrated(placed.event.data)) return;
  throw new ProblemError(orderWithoutSaga, { detail: 'It is choreographed; see its status and its events' });
}
