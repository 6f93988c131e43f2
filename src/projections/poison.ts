import { FlotillaError, messageOf, PermanentError } from '../errors.js';
import { isStoreGone } from '../store/is-gone.js';
import type { StoredEvent } from '../store/stored-event.js';

/** An event that a projection cannot take, and why. */
export interface PoisonEvent {
  position: number;
  eventId: string;
  type: string;
  /** Of the error; `projection.poison` for one that has no stable code. */
  code: string;
  message: string;
}

/** What is kept of a message. */
const LONGEST_MESSAGE = 1_000;

export function poisonOf({ position, id, type }: StoredEvent, error: unknown): PoisonEvent {
  const code = error instanceof FlotillaError || error instanceof PermanentError ? error.code : 'projection.poison';
  return { position, eventId: id, type, code, message: messageOf(error).slice(0, LONGEST_MESSAGE) };
}

/** Whether the store could not do it just now or is gone, or another process was quicker: the event itself is not to blame. */
export function isPassing(error: unknown): boolean {
  if (!(error instanceof FlotillaError)) return false;
  return (
    error.code === 'projection.conflict' ||
    isStoreGone(error) ||
    (error.disposal === 'retry' && error.code.startsWith('store.'))
  );
}
