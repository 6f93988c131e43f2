import { baseCatalogue, catalogue, type ContextOf, type DataOf } from 'flotilla';
import { accountEvents } from './accounts/events.js';
import { inventoryEvents } from './inventory/events.js';
import { orderEvents } from './orders/events.js';
import { statisticsEvents } from './statistics/events.js';
import { fulfilmentEvents } from './orders/fulfilment/fulfilment-events.js';
import { sensorEvents } from './sensors/events.js';
import { userEvents } from './users/events.js';

/** Every message type of this platform. */
export const platform = catalogue(baseCatalogue, {
  ...userEvents,
  ...orderEvents,
  ...inventoryEvents,
  ...fulfilmentEvents,
  ...accountEvents,
  ...statisticsEvents,
  ...sensorEvents,
});

// annotated, so that declaration files refer to the types of the catalogue instead of repeating them
export const defineWorker: typeof platform.defineWorker = platform.defineWorker;
export const defineProjection: typeof platform.defineProjection = platform.defineProjection;
export const defineSaga: typeof platform.defineSaga = platform.defineSaga;
export const defineWindows: typeof platform.defineWindows = platform.defineWindows;
export const decider: typeof platform.decider = platform.decider;
export const create: typeof platform.create = platform.create;

/** The name of one of the platform's types. */
export type EventType = keyof typeof platform.definitions;

/** The data of one of the platform's types. */
export type Data<T extends EventType> = DataOf<typeof platform.definitions, T>;

/** The context of a handler that emits these types, and executes commands that decide those types. */
export type Context<Emits extends EventType = never, Decides extends EventType = never> = ContextOf<
  typeof platform,
  Emits,
  undefined,
  Decides
>;
