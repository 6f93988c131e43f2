import { baseCatalogue, catalogue, type DataOf } from 'flotilla';
import { accountEvents } from './accounts/events.js';
import { inventoryEvents } from './inventory/events.js';
import { orderEvents } from './orders/events.js';
import { fulfilmentEvents } from './orders/fulfilment-events.js';
import { userEvents } from './users/events.js';

/** Everything this platform can say. */
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
