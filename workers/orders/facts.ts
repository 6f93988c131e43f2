import type { EventEnvelope, Migration, Sql } from 'flotilla';
import type { Data } from '../../src/platform/catalogue.js';
import type { Fact, Outcome } from '../../src/platform/orders/status.js';

export const migrations: Migration[] = [
  {
    name: 'facts',
    sql: `
      create table order_facts (
        order_id text not null,
        kind text not null,
        ref text not null,
        fact text not null,
        primary key (order_id, kind, ref)
      );
    `,
  },
];

/** Adds a fact to what is known of the order and gives all of it. A fact that is known stays as it was heard first. */
export async function recordFact(sql: Sql, orderId: string, fact: Fact): Promise<Fact[]> {
  await sql`
    insert into order_facts (order_id, kind, ref, fact)
    values (${orderId}, ${fact.kind}, ${refOf(fact)}, ${JSON.stringify(fact)})
    on conflict (order_id, kind, ref) do nothing`;
  const rows = await sql<{ fact: string }>`
    select fact from order_facts where order_id = ${orderId} order by kind, ref`;
  return rows.map(({ fact: text }) => JSON.parse(text) as Fact);
}

type NotedType = Outcome | 'order.cancelled' | 'message.dead_lettered' | 'message.replayed' | 'message.discarded';

/** An event that says something about an order. */
export type NotedEvent = { [T in NotedType]: EventEnvelope<T, Data<T>> }[NotedType];

type MessageEvent = Extract<NotedEvent, { type: `message.${string}` }>;

interface Noted {
  orderId: string;
  fact: Fact;
}

/** The order an event is about, and what it says; undefined for one that is about no order. */
export function factOf(event: NotedEvent): Noted | undefined {
  if (isAboutMessage(event)) return factOfMessage(event);
  const { orderId } = event.data;
  if (event.type === 'order.cancelled') return { orderId, fact: { kind: 'cancelled', reason: event.data.reason } };
  const { type: outcome, data, causationid: command = '' } = event;
  if (outcome === 'shipment.created') {
    const { trackingNumber, estimatedDelivery } = data;
    return { orderId, fact: { kind: 'outcome', outcome, command, trackingNumber, estimatedDelivery } };
  }
  const reason = 'reason' in data ? data.reason : undefined;
  return { orderId, fact: { kind: 'outcome', outcome, command, reason } };
}

function isAboutMessage(event: NotedEvent): event is MessageEvent {
  return event.type.startsWith('message.');
}

/** The workers without which an order does not go on: one says what is to be done next, the other keeps what has been.
 *  An event that they could not handle is a command never given, or a status never shown. */
const coordinators: ReadonlySet<string> = new Set(['order-choreography', 'orders']);

/** What keeps an order from going on in the dead letters: a command of it, or an event from which one should have
 *  followed. Other workers, such as those that mail or count, hold up nothing. */
function factOfMessage({ type: what, subject, data }: MessageEvent): Noted | undefined {
  const { deadLetterId, worker, kind, type, eventId, code } = data;
  const [aggregate, orderId] = subject.split('/');
  if (aggregate !== 'order' || orderId === undefined || type === null) return undefined;
  if (kind !== 'command' && !coordinators.has(worker)) return undefined;
  switch (what) {
    case 'message.dead_lettered':
      return { orderId, fact: { kind: 'dead_lettered', deadLetterId, command: eventId ?? '', type, code } };
    case 'message.replayed':
      return { orderId, fact: { kind: 'replayed', deadLetterId } };
    case 'message.discarded':
      return { orderId, fact: { kind: 'discarded', deadLetterId } };
  }
}

/** What makes a fact the same fact, within its kind. */
function refOf(fact: Fact): string {
  switch (fact.kind) {
    case 'outcome':
      return `${fact.outcome} ${fact.command}`;
    case 'cancelled':
      return '';
    case 'dead_lettered':
    case 'replayed':
    case 'discarded':
      return fact.deadLetterId;
  }
}
