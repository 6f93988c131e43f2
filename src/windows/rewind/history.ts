import type { Store } from '../../store/store.js';
import type { WindowsDefinition } from '../definition.js';
import type { ArrivingEvent } from '../engine/arriving-event.js';

/** Yields the events that the live computation has read: at its first call all, then those since the previous call. */
export type History = () => AsyncGenerator<ArrivingEvent>;

/** What a history needs, whatever it is read from. */
export interface HistoryOptions {
  store: Pick<Store, 'query'>;
  definition: WindowsDefinition;
  /** The event time from which on no event may be missing, in milliseconds since the epoch. */
  from: number;
  signal: AbortSignal;
}
