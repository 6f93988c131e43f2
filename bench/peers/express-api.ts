import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { newOrder, type Order } from './peer.js';

/** Serves POST /orders with Express for libraries without an HTTP API of their own. */
export async function serveOrders(accept: (order: Order) => Promise<unknown>) {
  const app = express();
  app.disable('x-powered-by');
  app.post('/orders', express.json(), async (request, response) => {
    const { data, error } = newOrder.safeParse(request.body);
    if (error !== undefined) {
      response.status(400).json({ error: error.message });
      return;
    }
    const order = { ...data, id: randomUUID() };
    await accept(order);
    response.status(202).json({ id: order.id });
  });
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
