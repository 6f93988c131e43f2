import { createHash } from 'node:crypto';
import type { StreamEntry } from '../broker/contract.js';

/** A place in the log, with what lay there: an offset alone may come to mean another entry, when the log was made anew. */
export interface LogPlace {
  readonly offset: number;
  /** The id of the message, which for an event is the event's; of one without, a hash of its body. */
  readonly mark: string;
}

/** Before the first entry that there ever will be. */
export const BEFORE_ALL: LogPlace = { offset: -1, mark: '' };

export function placeOf({ offset, properties, body }: StreamEntry): LogPlace {
  return { offset, mark: properties.messageId ?? createHash('sha256').update(body).digest('hex') };
}

/** What is not as it was when the log is read on from a place. `gap`: entries after that place are gone, because the log
 *  keeps only so much. `reset`: the log was made anew. `start`: nothing is known of what was before this entry, as nobody
 *  had read the log so far. */
export interface LogBreak {
  kind: 'start' | 'gap' | 'reset';
  /** Where reading was to go on. */
  expected: LogPlace;
  /** Where it goes on: the first entry that there is; undefined where there is none yet. */
  found: LogPlace | undefined;
}
