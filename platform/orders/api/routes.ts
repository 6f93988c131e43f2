import { newId } from 'flotilla';
import { defineRoute, ProblemError, type Route } from 'flotilla/http';
import { z } from 'zod';
import { platform } from '../../catalogue.js';
import { orderLine, reason, shippingAddress } from '../../fields.js';
import { historyPage, historyQuery, readHistory } from '../../history.js';
import { orderSummary } from '../../read-models/order-summary.js';
import { orderDetails } from '../events.js';
import type { Fulfilment } from '../fulfilment/fulfilment.js';
import { listOrders, listQuery, orderPage } from './list-orders.js';
import { order } from '../order.js';
import { orderBody, presentOrder } from './order-body.js';
import { orderNotCancellable, orderNotFound, totalTooLarge, unknownUser } from './problems.js';

const tag = 'Orders';

const newOrder = orderDetails
  .omit({ total: true, fulfilment: true })
  .extend({
    items: z
      .array(orderLine.meta({ id: 'NewOrderLine', description: 'A position; the price is in minor units' }))
      .min(1)
      .max(100),
    shippingAddress: shippingAddress.meta({ id: 'ShippingAddress', description: 'Where the order is delivered' }),
  })
  .meta({ id: 'NewOrder', description: 'An order to place; `payment.token` is a reference of the payment gateway' });

const cancellation = z
  .strictObject({ reason: reason.optional() })
  .meta({ id: 'Cancellation', description: 'Why an order is cancelled' });

/** `fulfilment`: how new orders are fulfilled. */
export const orderRoutes = ({ fulfilment }: { fulfilment: Fulfilment }): Route[] => [
  defineRoute({
    method: 'post',
    path: '/orders',
    operationId: 'placeOrder',
    tag,
    summary: 'Place an order',
    description: 'Stock is reserved, the payment charged and the order shipped after the answer: follow its status.',
    body: newOrder,
    emits: ['order.created'],
    responses: { 201: orderBody },
    versioned: true,
    problems: [unknownUser, totalTooLarge],
    handler: ({ body, origin, commit }) =>
      commit(async (tx) => {
        if ((await tx.read(`user/${body.userId}`)).length === 0) {
          throw new ProblemError(unknownUser);
        }
        const orderId = newId();
        const command = { type: 'create', orderId, details: { ...body, fulfilment } } as const;
        await platform.execute(tx, order, orderId, command, { origin });
        return { ...(await presentOrder(201, tx, orderId)), headers: { Location: `/orders/${orderId}` } };
      }),
  }),

  defineRoute({
    method: 'get',
    path: '/orders',
    operationId: 'listOrders',
    tag,
    summary: 'List orders',
    description: 'Newest first, from a read model: an order may take a moment to show.',
    query: listQuery,
    responses: { 200: orderPage },
    reads: [orderSummary],
    handler: async ({ query, store }) => ({ status: 200, body: await listOrders(store.query, query) }),
  }),

  defineRoute({
    method: 'get',
    path: '/orders/:id',
    operationId: 'getOrder',
    tag,
    summary: 'Read an order',
    description: 'As of the last committed event, without the payment token and the address.',
    responses: { 200: orderBody },
    problems: [orderNotFound],
    versioned: true,
    handler: ({ params, store }) => presentOrder(200, store, params.id),
  }),

  defineRoute({
    method: 'get',
    path: '/orders/:id/events',
    operationId: 'listOrderEvents',
    tag,
    summary: 'List the events of an order',
    description: 'Oldest first, without personal data.',
    query: historyQuery,
    responses: { 200: historyPage },
    problems: [orderNotFound],
    handler: async ({ params, query, store }) => {
      const page = await readHistory(store, `order/${params.id}`, query);
      if (page === undefined) throw new ProblemError(orderNotFound);
      return { status: 200, body: page };
    },
  }),

  defineRoute({
    method: 'post',
    path: '/orders/:id/cancel',
    operationId: 'cancelOrder',
    tag,
    summary: 'Cancel an order that has not been shipped',
    description: 'Its stock is released and its payment refunded.',
    body: cancellation.optional(),
    emits: ['order.cancelled', 'order.status_changed'],
    responses: { 200: orderBody },
    problems: [orderNotFound, orderNotCancellable],
    versioned: true,
    ifMatch: true,
    handler: ({ params: { id }, body, expectedVersion, origin, commit }) =>
      commit(async (tx) => {
        const command = { type: 'cancel', reason: body?.reason } as const;
        await platform.execute(tx, order, id, command, { origin, expectedVersion });
        return presentOrder(200, tx, id);
      }),
  }),
];
