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
  { name: 'why a payment failed', sql: 'alter table payments add column reason text;' },
];

/** The state of an order's payment. `tombstone`: refunded before it was charged, so that it can never be charged. */
export type Payment =
  | { status: 'charged' | 'refunded'; paymentId: string; amount: number; currency: string }
  | { status: 'failed'; reason: string }
  | { status: 'tombstone' };

interface PaymentRow {
  payment_id: string | null;
  amount: number;
  currency: string | null;
  status: Payment['status'];
  reason: string | null;
}

export async function readPayment(sql: Sql, orderId: string): Promise<Payment | undefined> {
  const [row] = await sql<PaymentRow>`
    select payment_id, amount, currency, status, reason from payments where order_id = ${orderId}`;
  if (row === undefined) return undefined;
  const { status, payment_id: paymentId, amount, currency, reason } = row;
  switch (status) {
    case 'charged':
    case 'refunded':
      return { status, paymentId: paymentId ?? '', amount: Number(amount), currency: currency ?? '' };
    case 'failed':
      return { status, reason: reason ?? 'failed before' }; // not stored by earlier releases
    case 'tombstone':
      return { status };
  }
}

export async function writePayment(sql: Sql, orderId: string, payment: Payment): Promise<void> {
  const { paymentId, amount, currency } =
    'paymentId' in payment ? payment : { paymentId: null, amount: 0, currency: null };
  const reason = payment.status === 'failed' ? payment.reason : null;
  await sql`
    insert into payments (order_id, payment_id, amount, currency, status, reason)
    values (${orderId}, ${paymentId}, ${amount}, ${currency}, ${payment.status}, ${reason})
    on conflict (order_id) do update
    set payment_id = excluded.payment_id, amount = excluded.amount, currency = excluded.currency,
      status = excluded.status, reason = excluded.reason`;
}
