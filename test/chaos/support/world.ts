import { isOrchestrated, type Fulfilment } from '../../../platform/orders/fulfilment/fulfilment.js';
import type { Promised } from './customers.js';
import { readSagas, type SagaHistory } from './sagas.js';
import { services, Stores, workers, type Event } from './stores.js';

export interface DeadLetter {
  id: string;
  worker: string;
  event_id: string | null;
  type: string | null;
  subject: string | null;
  code: string;
  state: string;
}

export interface Expectations {
  /** Accepts expected dead letters. By default only those of orders whose payment the gateway never takes. */
  mayBeDead?: (deadLetter: DeadLetter) => boolean;
  /** Whether a saga may have timed out, so that its order ended for that reason. @default false */
  mayTimeOut?: boolean;
  /** The ids of the results of windows that must have been delivered: further ones are emitted by the clock, also while the
   *  fleet stops. @default all */
  results?: ReadonlySet<string>;
}

/** The initial stock. */
export const INITIAL = new Map([
  ['item_1', 100],
  ['item_2', 50],
  ['item_3', 75],
]);
/** The final statuses of an order. */
export const FINAL = ['shipped', 'rejected', 'payment_failed', 'shipment_failed', 'cancelled'];

/** The contents of a fleet's stores, and the confirmed requests of its API. */
export interface World {
  stores: Stores;
  promised: Promised;
  events: Event[];
  deadLetters: DeadLetter[];
  mayBeDead: (deadLetter: DeadLetter) => boolean;
  mayTimeOut: boolean;
  /** Whether an event need not have been delivered. */
  isOptional: (event: Event) => boolean;
  statuses: Map<string, string>;
  /** The fulfilment mode of each order, as recorded in its events. */
  fulfilments: Map<string, Fulfilment>;
  sagas: Map<string, SagaHistory>;
}

/** The ids of the results of windows in the stores of a fleet. */
export function resultsIn(dataDir: string): ReadonlySet<string> {
  const stores = new Stores(dataDir);
  try {
    return new Set(services.flatMap((service) => stores.events(service).filter(isResult)).map(({ id }) => id));
  } finally {
    stores.close();
  }
}

const resultTypes = new Set(workers.flatMap(({ windows }) => windows.map(({ emits }) => emits)));

function isResult({ type }: Event): boolean {
  return resultTypes.has(type);
}

export function readWorld(
  stores: Stores,
  promised: Promised,
  { mayBeDead = () => false, mayTimeOut = false, results }: Expectations,
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
  const deadLetters = stores.rows<DeadLetter>(
    'ops',
    'SELECT id, worker, event_id, type, subject, code, state FROM dead_letters',
  );
  const sagas = readSagas(events);
  const isOptional = (event: Event) => results !== undefined && isResult(event) && !results.has(event.id);
  return { stores, promised, events, deadLetters, mayBeDead, mayTimeOut, isOptional, statuses, fulfilments, sagas };
}

/** One sentence for each pair of different values. */
export function differences(what: string, pairs: Record<string, [number | undefined, number]>): string[] {
  return Object.entries(pairs)
    .filter(([, [found, expected]]) => found !== expected)
    .map(([name, [found, expected]]) => `${what}, ${name}: ${found}, expected ${expected}`);
}
