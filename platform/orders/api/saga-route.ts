import { loadSagaProgress, stepStatuses, sagaProgressStatuses, type SagaProgress } from 'flotilla';
import { defineRoute, ProblemError, type Route, type StoreReader } from 'flotilla/http';
import { z } from 'zod';
import views from '../../read-models/views.js';
import { isOrchestrated } from '../fulfilment/fulfilment.js';
import { orderFulfilment } from '../fulfilment/fulfilment-saga.js';
import { orderNotFound, orderWithoutSaga } from './problems.js';

const time = z.iso.datetime();
const attempts = z.int().min(0);

const progressBody = z
  .object({
    saga: z.string(),
    sagaId: z.string(),
    /** `not_started`: none of its events has arrived in this store. `failed`: manual intervention is required. */
    status: z.enum(sagaProgressStatuses),
    reason: z.string().nullable(),
    startedAt: time.nullable(),
    endedAt: time.nullable(),
    steps: z.array(
      z.object({
        name: z.string(),
        state: z.enum(stepStatuses),
        attempts: attempts,
        compensationAttempts: attempts,
        doneAt: time.nullable(),
        compensatedAt: time.nullable(),
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
    /** False while events are missing in this store: request it again later. */
    complete: z.boolean(),
  })
  .meta({
    id: 'OrderSaga',
    description: 'The saga of an order: its steps, what it waits for and what has happened',
  }) satisfies z.ZodType<SagaProgress>;

export const orderSagaRoute: Route = defineRoute({
  method: 'get',
  path: '/orders/:id/saga',
  operationId: 'getOrderSaga',
  tag: 'Orders',
  summary: 'Read the steps of the saga that fulfils an order',
  description: 'As last reported by the saga; `not_started` until its first report.',
  responses: { 200: progressBody },
  reads: [views],
  problems: [orderNotFound, orderWithoutSaga],
  handler: async ({ params: { id }, store }) => {
    await refuseWithoutSaga(store, id);
    return { status: 200, body: await loadSagaProgress(store.query, orderFulfilment, id, Date.now()) };
  },
});

/** The event that creates an order states how it is fulfilled, which never changes. */
async function refuseWithoutSaga(store: StoreReader, id: string): Promise<void> {
  const [placed] = await store.read(`order/${id}`, 0, 1);
  if (placed?.type !== 'order.created') throw new ProblemError(orderNotFound);
  if (isOrchestrated(placed.event.data)) return;
  throw new ProblemError(orderWithoutSaga, { detail: 'It is choreographed; see its status and its events' });
}
