import { FlotillaError, messageOf, PermanentError } from '../errors.js';
import { isStoreGone } from '../store/is-gone.js';
import type { StoredEvent } from '../store/stored-event.js';

/** An event that a projection cannot handle, and the error. */
export interface PoisonEvent {
  position: number;
  eventId: string;
  type: string;
  /** The code of the error; `projection.poison` for an error without a stable code. */
  code: string;
  message: string;
}

const MAX_MESSAGE_LENGTH = 1_000;

export function poisonOf({ position, id, type }: StoredEvent, error: unknown): PoisonEvent {
  const code = error instanceof FlotillaError || error instanceof PermanentError ? error.code : 'projection.poison';
  return { position, eventId: id, type, code, message: messageOf(error).slice(0, MAX_MESSAGE_LENGTH) };
}

/** Whether the error is not caused by the event: the store has failed or is closed, or another process has written the
 *  model. */
export function isTransient(error: unknown): boolean {
  if (!(error instanceof FlotillaError)) return false;
  return (
    error.code === 'projection.conflict' ||
    isStoreGone(error) ||
    (error.disposal === 'retry' && error.code.startsWith('store.'))
  );
}
