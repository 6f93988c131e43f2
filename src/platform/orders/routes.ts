import { defineRoute, handleCommand, newId, PermanentError, readModel, type Route } from 'flotilla';
import { z } from 'zod';
import { platform } from '../catalogue.js';
import { reason } from '../fields.js';
import { historyPage, historyQuery, readHistory } from '../history.js';
import { orderSummary } from '../read-models/order-summary.js';
import { orderDetails } from './events.js';
import type { Fulfilment } from './fulfilment.js';
import { listOrders, listQuery } from './list.js';
import { order } from './order.js';
import { orderBody, orderNotFound, presentOrder } from './present.js';

const newOrder = orderDetails.omit({ total: true, fulfilment: true });

/** `fulfilment`: who fulfils the orders that are placed. */
export const orderRoutes = ({ fulfilment }: { fulfilment: Fulfilment }): Route[] => [
  defineRoute({
    method: 'post',
    path: '/orders',
    summary: 'Place an order',
    body: newOrder,
    responses: { 201: orderBody },
    versioned: true,
    refusals: { 'order.unknown_user': 422, 'order.total_too_large': 422 },
    handler: ({ body, origin, commit }) =>
      commit(async (tx) => {
        if ((await tx.read(`user/${body.userId}`)).length === 0) {
          throw new PermanentError('order.unknown_user', 'There is no such user.');
        }
        const orderId = newId();
        const command = { type: 'create', orderId, details: { ...body, fulfilment } } as const;
        await handleCommand(tx, platform.definitions, order, orderId, command, origin);
        return { ...(await presentOrder(201, tx, orderId)), headers: { Location: `/orders/${orderId}` } };
      }),
  }),

  defineRoute({
    method: 'get',
    path: '/orders',
    summary: 'Orders, the newest first',
    query: listQuery,
    responses: { 200: z.object({ items: z.array(orderBody), nextCursor: z.string().nullable() }) },
    handler: async ({ query, store }) => {
      const { headers } = await readModel(store, orderSummary.name);
      return { status: 200, headers, body: await listOrders(store.query, query) };
    },
  }),

  defineRoute({
    method: 'get',
    path: '/orders/:id',
    summary: 'An order as it is now',
    responses: { 200: orderBody },
    versioned: true,
    handler: ({ params, store }) => presentOrder(200, store, params.id),
  }),

  defineRoute({
    method: 'get',
    path: '/orders/:id/events',
    summary: 'What happened to an order, the oldest first',
    query: historyQuery,
    responses: { 200: historyPage },
    handler: async ({ params, query, store }) => {
      const page = await readHistory(store, `order/${params.id}`, query);
      if (page === undefined) throw orderNotFound();
      return { status: 200, body: page };
    },
  }),

  defineRoute({
    method: 'post',
    path: '/orders/:id/cancel',
    summary: 'Cancel an order that has not been shipped; what was reserved and paid is given back',
    body: z.strictObject({ reason: reason.optional() }).optional(),
    responses: { 200: orderBody },
    refusals: { 'order.not_found': 404, 'order.not_cancellable': 409 },
    versioned: true,
    ifMatch: true,
    handler: ({ params: { id }, body, expectedVersion, origin, commit }) =>
      commit(async (tx) => {
        const command = { type: 'cancel', reason: body?.reason } as const;
        await handleCommand(tx, platform.definitions, order, id, command, origin, { expectedVersion });
        return presentOrder(200, tx, id);
      }),
  }),
];
