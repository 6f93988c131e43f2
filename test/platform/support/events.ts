import { originContext, type Store } from 'flotilla';
import type { TestEvent } from 'flotilla/testing';
import { HEADERS, writeAttempts } from '../../../src/broker/messages/headers.js';
import { create, type Data, type EventType } from '../../../platform/catalogue.js';
import type { OrderDetails } from '../../../platform/orders/events.js';

export const orderId = 'o1';

export const details: OrderDetails = {
  userId: 'u1',
  currency: 'USD',
  items: [
    { sku: 'item_1', quantity: 2, unitPrice: 500 },
    { sku: 'item_2', quantity: 1, unitPrice: 250 },
  ],
  total: 1250,
  payment: { token: 'tok_ok' },
  shippingAddress: { name: 'Ada', line1: '1 Row', city: 'Town', postalCode: '12345', country: 'GB' },
};

/** The user `u1`. */
export const ada: Data<'user.created'> = {
  userId: 'u1',
  name: 'Ada',
  email: 'ada@example.org',
  preferences: { statusEmails: true },
};

/** An event about the order `o1`. */
export function about<T extends EventType>(type: T, data: Data<T>, id?: string): TestEvent {
  return { type, data, subject: `order/${orderId}`, ...(id !== undefined && { id }) };
}

/** Stores the event as if the service had emitted it. */
export async function append(
  store: Store,
  { type, data, subject = 'test/1', causationId }: TestEvent & { causationId?: string },
): Promise<void> {
  const context = {
    ...originContext({ source: store.service, subject }),
    ...(causationId !== undefined && { causationId }),
  };
  await store.append(subject, 'any', [create(type as EventType, data as never, context)]);
}

/** The headers of a message whose failed attempt may have called an external service. */
export const begunBefore = {
  [HEADERS.attempt]: 2,
  [HEADERS.attempts]: writeAttempts([
    {
      at: '2026-01-01T00:00:00Z',
      worker: 'w',
      instance: 'i',
      code: 'worker.unavailable',
      name: '',
      message: '',
      delay: 1,
    },
  ]),
};

/** A promise that a test resolves once. */
export function signal(): { given: Promise<void>; give: () => void } {
  let give = () => {};
  const given = new Promise<void>((resolve) => (give = resolve));
  return { given, give };
}
