import { defineProjection } from '../catalogue.js';

/** Every order as in `GET /orders/:id`, for lists. */
export const orderSummary = defineProjection({
  name: 'order-summary',
  version: 1,
  tables: {
    order_summary: `
      create table order_summary (
        order_id text not null primary key,
        user_id text not null,
        status text not null,
        total bigint not null,
        currency text not null,
        items text not null,
        version bigint not null,
        created_at text not null,
        updated_at text not null,
        reason text,
        tracking_number text,
        estimated_delivery text
      );
      create index order_summary_by_status on order_summary (status, order_id);`,
  },
  on: {
    'order.created': async ({ data, time, sequence }, { sql }) => {
      const { orderId, userId, total, currency, items } = data;
      await sql`
        insert into order_summary (order_id, user_id, status, total, currency, items, version, created_at, updated_at)
        values (${orderId}, ${userId}, 'pending', ${total}, ${currency}, ${JSON.stringify(items)},
          ${Number(sequence)}, ${time}, ${time})`;
    },

    // the following change of status contains the previous status
    'order.cancelled': async ({ data: { orderId }, time, sequence }, { sql }) => {
      await sql`
        update order_summary set version = ${Number(sequence)}, updated_at = ${time} where order_id = ${orderId}`;
    },

    'order.status_changed': async ({ data, time, sequence }, { sql }) => {
      const { orderId, status, reason = null, trackingNumber = null, estimatedDelivery = null } = data;
      const version = Number(sequence);
      if (status === 'stuck') {
        // overrides the status, but not the progress of the order
        await sql`
          update order_summary set status = 'stuck', reason = ${reason}, version = ${version}, updated_at = ${time}
          where order_id = ${orderId}`;
        return;
      }
      await sql`
        update order_summary
        set status = ${status}, reason = ${reason}, tracking_number = ${trackingNumber},
          estimated_delivery = ${estimatedDelivery}, version = ${version}, updated_at = ${time}
        where order_id = ${orderId}`;
    },
  },
});
