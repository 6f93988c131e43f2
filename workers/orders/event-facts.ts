import { oneLine, type EventEnvelope, type Migration, type Sql } from 'flotilla';
import type { Data } from '#platform/catalogue.js';
import type { Coordinator, OrderFact, Outcome, SagaFact } from '#platform/orders/status/derive-status.js';
import { isOrchestrated } from '#platform/orders/fulfilment/fulfilment.js';
import { orderFulfilment } from '#platform/orders/fulfilment/fulfilment-saga.js';

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

/** Adds a fact to those of the order and returns all of them. A duplicate does not replace the first one. */
export async function recordFact(sql: Sql, orderId: string, fact: OrderFact): Promise<OrderFact[]> {
  await sql`
    insert into order_facts (order_id, kind, ref, fact)
    values (${orderId}, ${fact.kind}, ${refOf(fact)}, ${JSON.stringify(fact)})
    on conflict (order_id, kind, ref) do nothing`;
  const rows = await sql<{ fact: string }>`
    select fact from order_facts where order_id = ${orderId} order by kind, ref`;
  return rows.map(({ fact: text }) => JSON.parse(text) as OrderFact);
}

type SagaType = `saga.${SagaFact['decision']}`;

type ObservedType =
  Outcome | SagaType | 'order.cancelled' | 'message.dead_lettered' | 'message.replayed' | 'message.discarded';

/** An event with a fact about an order. */
export type ObservedEvent = { [T in ObservedType]: EventEnvelope<T, Data<T>> }[ObservedType];

type MessageEvent = Extract<ObservedEvent, { type: `message.${string}` }>;
type SagaEvent = Extract<ObservedEvent, { type: SagaType }>;

interface OrderFactOf {
  orderId: string;
  fact: OrderFact;
}

/** The order and the fact of an event; undefined for an event that concerns no order. */
export function factOf(event: ObservedEvent): OrderFactOf | undefined {
  if (isAboutMessage(event)) return factOfMessage(event);
  if (isOfSaga(event)) return factOfSaga(event);
  const { orderId } = event.data;
  if (event.type === 'order.cancelled') return { orderId, fact: { kind: 'cancelled', reason: event.data.reason } };
  const { type: outcome, data, causationid: command = '' } = event;
  const orchestrated = isOrchestrated(data) || undefined;
  if (outcome === 'shipment.created') {
    const { trackingNumber, estimatedDelivery } = data;
    return { orderId, fact: { kind: 'outcome', outcome, command, orchestrated, trackingNumber, estimatedDelivery } };
  }
  const reason = 'reason' in data ? data.reason : undefined;
  return { orderId, fact: { kind: 'outcome', outcome, command, orchestrated, reason } };
}

function isOfSaga(event: ObservedEvent): event is SagaEvent {
  return event.type.startsWith('saga.');
}

function factOfSaga({ type, data, sequence = '0' }: SagaEvent): OrderFactOf | undefined {
  if (data.saga !== orderFulfilment.name) return undefined;
  const decision = type.slice('saga.'.length) as SagaFact['decision'];
  const step = 'step' in data ? (data.step ?? undefined) : undefined;
  const reason = 'reason' in data ? lineOf(data.reason) : undefined;
  const late = ('cause' in data && data.cause === 'late_answer') || undefined;
  return { orderId: data.sagaId, fact: { kind: 'saga', decision, sequence: Number(sequence), step, reason, late } };
}

/** Texts of operators and services may have any form; the status of an order shows one line. */
function lineOf(text: string): string | undefined {
  return oneLine(text, 450) || undefined;
}

function isAboutMessage(event: ObservedEvent): event is MessageEvent {
  return event.type.startsWith('message.');
}

/** Whether this worker sends the next command of an order: an event that it failed to handle is then a command that was
 *  not sent. */
const isCoordinator = (worker: string): worker is Coordinator =>
  worker === 'order-choreography' || worker === 'order-saga';

/** A dead letter that blocks an order: one of its commands, an event that should have caused one, or an event from
 *  which this worker should have derived a status. Dead letters of other workers, for example for mail or statistics,
 *  block nothing. */
function factOfMessage({ type: what, subject, data }: MessageEvent): OrderFactOf | undefined {
  const { deadLetterId, worker, kind, type, eventId, code } = data;
  const [aggregate = '', orderId] = subject.split('/');
  if (!['order', orderFulfilment.name].includes(aggregate) || orderId === undefined || type === null) return undefined;
  const coordinator = kind !== 'command' && isCoordinator(worker) ? worker : undefined;
  if (kind !== 'command' && coordinator === undefined && worker !== 'orders') return undefined;
  switch (what) {
    case 'message.dead_lettered':
      return {
        orderId,
        fact: { kind: 'dead_lettered', deadLetterId, command: eventId ?? '', type, code, coordinator },
      };
    case 'message.replayed':
      return { orderId, fact: { kind: 'replayed', deadLetterId } };
    case 'message.discarded':
      return { orderId, fact: { kind: 'discarded', deadLetterId } };
  }
}

/** The identity of a fact within its kind. */
function refOf(fact: OrderFact): string {
  switch (fact.kind) {
    case 'outcome':
      return `${fact.outcome} ${fact.command}`;
    case 'saga':
      return String(fact.sequence);
    case 'cancelled':
      return '';
    case 'dead_lettered':
    case 'replayed':
    case 'discarded':
      return fact.deadLetterId;
  }
}
