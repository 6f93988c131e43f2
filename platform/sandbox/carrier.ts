import { Router, json } from 'express';
import { randomInt } from 'node:crypto';
import { z } from 'zod';
import type { SandboxDatabase } from './database.js';
import { BODY_LIMIT, idempotencyKey, identifier, page, toList } from './http/inputs.js';
import { createOutage } from './http/outage.js';
import { Problem, parse } from './http/problem.js';
import type { IdempotentRequests } from './http/idempotent-requests.js';

const shipmentBody = z.object({
  orderId: identifier,
  address: z.object({
    name: identifier,
    line1: identifier,
    city: identifier,
    postalCode: z.string().min(1).max(20),
    country: z.string().min(2).max(60),
  }),
  items: z
    .array(z.object({ sku: identifier, quantity: z.int().positive() }))
    .min(1)
    .max(1000),
});

/** No valid address has this postal code. */
const UNDELIVERABLE = '00000';
const DAYS_ON_THE_WAY = 3;
const MAX_PAGE = 100_000;

interface ShipmentRow {
  seq: number;
  trackingNumber: string;
  orderId: string;
  status: 'booked' | 'voided';
  estimatedDelivery: string;
  key: string;
  at: string;
}

export interface CarrierOptions {
  db: SandboxDatabase;
  requests: IdempotentRequests;
}

/** A carrier that books and cancels shipments, closes keys, and refuses the postal code 00000. */
export function carrierRoutes({ db, requests }: CarrierOptions): Router {
  const outage = createOutage(db, 'carrier');
  const insert = db.prepare(
    `INSERT INTO shipments (tracking_number, order_id, status, estimated_delivery, key, at)
     VALUES (@trackingNumber, @orderId, 'booked', @estimatedDelivery, @key, @at)`,
  );
  const markVoid = db.prepare<[string]>(`UPDATE shipments SET status = 'voided' WHERE tracking_number = ?`);
  const list = db.prepare<{ cursor: number; orderId: string | null; limit: number }, ShipmentRow>(
    `SELECT seq, tracking_number AS "trackingNumber", order_id AS "orderId", status,
       estimated_delivery AS "estimatedDelivery", key, at
     FROM shipments WHERE seq > @cursor AND (@orderId IS NULL OR order_id = @orderId) ORDER BY seq LIMIT @limit`,
  );
  const routes = Router();

  routes.post('/shipments', json({ limit: BODY_LIMIT }), (req, res) => {
    const key = idempotencyKey(req);
    const shipment = parse(shipmentBody, req.body);
    outage.refuseWhileDown();
    const answer = requests.run('shipment', key, shipment, () => {
      if (shipment.address.postalCode === UNDELIVERABLE) {
        return new Problem(422, 'undeliverable', 'The carrier does not deliver to this address');
      }
      const now = new Date();
      const trackingNumber = `SBX${String(randomInt(10 ** 12)).padStart(12, '0')}`;
      const estimatedDelivery = deliveryDate(now);
      insert.run({ trackingNumber, orderId: shipment.orderId, estimatedDelivery, key, at: now.toISOString() });
      return { status: 201, body: { trackingNumber, estimatedDelivery } };
    });
    res.status(answer.status).json(answer.body);
  });

  // by Idempotency-Key: returns the booking made under it, or closes the key, even for a request in progress
  routes.delete('/shipments', (req, res) => {
    const key = idempotencyKey(req);
    outage.refuseWhileDown();
    const closed = {
      status: 422,
      body: { code: 'cancelled', title: 'The shipment was cancelled before it was booked' },
    };
    const answer = requests.close('shipment', key, closed);
    if (answer.status === closed.status) throw new Problem(404, 'not_booked', 'Nothing was booked under this key');
    res.json(answer.body);
  });

  routes.delete('/shipments/:trackingNumber', (req, res) => {
    outage.refuseWhileDown();
    const { trackingNumber } = req.params;
    if (markVoid.run(trackingNumber).changes === 0) throw new Problem(404, 'shipment_not_found', 'No such shipment');
    res.json({ trackingNumber, status: 'voided' });
  });

  routes.get('/shipments', (req, res) => {
    const { limit, cursor, orderId = null } = page(req, MAX_PAGE);
    res.json(toList(list.all({ cursor, orderId, limit: limit + 1 }), limit));
  });

  routes.use(outage.routes);
  return routes;
}

/** An RFC 3339 full-date, in UTC. */
function deliveryDate(from: Date): string {
  const date = new Date(from);
  date.setUTCDate(date.getUTCDate() + DAYS_ON_THE_WAY);
  return date.toISOString().slice(0, 10);
}
