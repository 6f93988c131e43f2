import { baseCatalogue, catalogue, type ContextOf, type DataOf } from 'flotilla';
import { accountEvents } from './accounts/events.js';
import { inventoryEvents } from './inventory/events.js';
import { orderEvents } from './orders/events.js';
import { fulfilmentEvents } from './orders/fulfilment-events.js';
import { userEvents } from './users/events.js';

/** Every message type of this platform. */
export const platform = catalogue(baseCatalogue, {
  ...userEvents,
  ...orderEvents,
  ...inventoryEvents,
  ...fulfilmentEvents,
  ...accountEvents,
});

export const { defineWorker, defineProjection, defineSaga, decider, create } = platform;

/** The name of one of the platform's types. */
export type EventType = keyof typeof platform.definitions;

/** The data of one of the platform's types. */
export type Data<T extends EventType> = DataOf<typeof platform.definitions, T>;

/** The context of a handler that emits these types, and decides those on aggregates. */
export type Context<Emits extends EventType = never, Decides extends EventType = never> = ContextOf<
  typeof platform,
  Emits,
  undefined,
  Decides
>;
