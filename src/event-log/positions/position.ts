import { createHash } from 'node:crypto';
import type { StreamEntry } from '../../broker/broker.js';

/** A position in the log with the identity of its entry: if the stream is recreated, the offset denotes another
 *  entry. */
export interface LogPosition {
  readonly offset: number;
  /** The message id, which is the event id for an event; for a message without an id, a hash of its body. */
  readonly mark: string;
}

/** The position before the first entry of a stream. */
export const BEFORE_FIRST: LogPosition = { offset: -1, mark: '' };

export function positionOf({ offset, messageId, body }: StreamEntry): LogPosition {
  return { offset, mark: messageId ?? createHash('sha256').update(body).digest('hex') };
}

/** A discontinuity, found when reading continues from a position. `gap`: entries after the position were trimmed by
 *  the retention of the log. `reset`: the stream was recreated. `start`: the log is read for the first time, so
 *  entries before the first one found are unknown. */
export interface LogBreak {
  kind: 'start' | 'gap' | 'reset';
  /** The position from which reading was to continue. */
  expected: LogPosition;
  /** The first entry found; undefined if none was found. */
  found: LogPosition | undefined;
}
