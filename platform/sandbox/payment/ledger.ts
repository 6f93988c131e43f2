import type { SandboxDatabase } from '../database.js';

export interface Movement {
  id: string;
  kind: 'charge' | 'refund';
  orderId: string;
  /** Minor units. */
  amount: number;
  currency: string;
  /** The idempotency key of the request. */
  key: string;
  /** The refunded charge, for a refund. */
  chargeId: string | null;
}

/** The charges and refunds that the gateway has made. Rows are added in the transaction of the request, and never
 *  changed. */
export function createLedger(db: SandboxDatabase) {
  const insert = db.prepare(
    `INSERT INTO ledger (id, kind, order_id, amount, currency, key, charge_id, at)
     VALUES (@id, @kind, @orderId, @amount, @currency, @key, @chargeId, @at)`,
  );
  const columns =
    'seq, kind, order_id AS "orderId", amount, currency, key, id, charge_id AS "chargeId", at FROM ledger';
  type Row = Movement & { seq: number; at: string };
  const list = db.prepare<[number, number], Row>(`SELECT ${columns} WHERE seq > ? ORDER BY seq LIMIT ?`);
  const listOfOrder = db.prepare<[string, number, number], Row>(
    `SELECT ${columns} WHERE order_id = ? AND seq > ? ORDER BY seq LIMIT ?`,
  );
  const find = db.prepare<[string], { orderId: string; amount: number; currency: string; refunded: number }>(
    `SELECT order_id AS "orderId", amount, currency,
       (SELECT coalesce(sum(amount), 0) FROM ledger r WHERE r.charge_id = c.id) AS refunded
     FROM ledger c WHERE id = ? AND kind = 'charge'`,
  );
  return {
    record(movement: Movement): void {
      insert.run({ ...movement, at: new Date().toISOString() });
    },
    /** A charge and its refunded amount. */
    charge: (id: string) => find.get(id),
    /** Oldest first, after `cursor`. */
    list: (cursor: number, limit: number, orderId?: string) =>
      orderId === undefined ? list.all(cursor, limit) : listOfOrder.all(orderId, cursor, limit),
  };
}
