import { isOrchestrated, type Fulfilment } from '../../../platform/orders/fulfilment/fulfilment.js';
import type { Promised } from './customers.js';
import { readSagas, type Story } from './sagas.js';
import { services, type Event, type Stores } from './stores.js';

export interface Letter {
  id: string;
  worker: string;
  event_id: string | null;
  type: string | null;
  subject: string | null;
  code: string;
  state: string;
}

export interface Expectations {
  /** Dead letters that are meant to be there. By default none but those of orders with `tok_down`. */
  mayBeDead?: (letter: Letter) => boolean;
  /** Whether sagas may have run out of patience, so that an order ended for that. @default false */
  mayTimeOut?: boolean;
}

/** What is on hand at the beginning. */
export const INITIAL = new Map([
  ['item_1', 100],
  ['item_2', 50],
  ['item_3', 75],
]);
/** How an order can have ended. */
export const FINAL = ['shipped', 'rejected', 'payment_failed', 'shipment_failed', 'cancelled'];

/** What is on the disks of a fleet, and what its API has promised. */
export interface World {
  stores: Stores;
  promised: Promised;
  events: Event[];
  letters: Letter[];
  mayBeDead: (letter: Letter) => boolean;
  mayTimeOut: boolean;
  statuses: Map<string, string>;
  /** Who fulfils each order, as it says itself. */
  fulfilments: Map<string, Fulfilment>;
  sagas: Map<string, Story>;
}

export function readWorld(
  stores: Stores,
  promised: Promised,
  { mayBeDead = () => false, mayTimeOut = false }: Expectations,
): World {
  const events = services.flatMap((service) => stores.events(service));
  const statuses = new Map<string, string>();
  const fulfilments = new Map<string, Fulfilment>();
  for (const { service, type, data } of events) {
    if (service !== 'core') continue;
    if (type === 'order.created') {
      statuses.set(String(data.orderId), 'pending');
      fulfilments.set(String(data.orderId), isOrchestrated(data) ? 'orchestrated' : 'choreographed');
    }
    if (type === 'order.status_changed') statuses.set(String(data.orderId), String(data.status));
  }
  const letters = stores.rows<Letter>(
    'ops',
    'SELECT id, worker, event_id, type, subject, code, state FROM dead_letters',
  );
  const sagas = readSagas(events);
  return { stores, promised, events, letters, mayBeDead, mayTimeOut, statuses, fulfilments, sagas };
}

/** A sentence for each pair that is not the same. */
export function differences(what: string, pairs: Record<string, [number | undefined, number]>): string[] {
  return Object.entries(pairs)
    .filter(([, [found, expected]]) => found !== expected)
    .map(([name, [found, expected]]) => `${what}, ${name}: ${found}, expected ${expected}`);
}
