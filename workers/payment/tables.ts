import type { Migration, Sql } from 'flotilla';

export const migrations: Migration[] = [
  {
    name: 'payments',
    sql: `
      create table payments (
        order_id text primary key,
        payment_id text,
        amount bigint not null,
        currency text,
        status text not null
      );
    `,
  },
];

/** `tombstone`: refunded before it was charged, so that it never should be. */
export type PaymentStatus = 'charged' | 'failed' | 'refunded' | 'tombstone';

export interface Payment {
  /** Null where no money moved. */
  paymentId: string | null;
  amount: number;
  currency: string | null;
  status: PaymentStatus;
}

interface PaymentRow {
  payment_id: string | null;
  amount: number;
  currency: string | null;
  status: PaymentStatus;
}

export async function readPayment(sql: Sql, orderId: string): Promise<Payment | undefined> {
  const [row] = await sql<PaymentRow>`
    select payment_id, amount, currency, status from payments where order_id = ${orderId}`;
  return row && { paymentId: row.payment_id, amount: Number(row.amount), currency: row.currency, status: row.status };
}

export async function writePayment(sql: Sql, orderId: string, payment: Payment): Promise<void> {
  const { paymentId, amount, currency, status } = payment;
  await sql`
    insert into payments (order_id, payment_id, amount, currency, status)
    values (${orderId}, ${paymentId}, ${amount}, ${currency}, ${status})
    on conflict (order_id) do update
    set payment_id = excluded.payment_id, amount = excluded.amount, currency = excluded.currency, status = excluded.status`;
}
