import type { EventPosition } from '../../broker/messages/event-position.js';

/** The code of the dead letter of an event whose predecessors are missing, and of the hold of its subject. */
export const SEQUENCE_GAP = 'worker.sequence_gap';

/** Not part of any source or subject. */
const SEPARATOR = '\n';

/** The key of the events of a source and subject. */
export function sequenceKey({ source, subject }: Omit<EventPosition, 'number'>): string {
  return `${source}${SEPARATOR}${subject}`;
}

/** The subject of a key, and the source if it is one of `sequenceKey`. */
export function subjectOf(key: string): { source: string | undefined; subject: string } {
  const end = key.indexOf(SEPARATOR);
  return end === -1 ? { source: undefined, subject: key } : { source: key.slice(0, end), subject: key.slice(end + 1) };
}

/** A key for people: `account/42`, or `account/42 from accounts`. */
export function formatKey(key: string): string {
  const { source, subject } = subjectOf(key);
  return source === undefined ? subject : `${subject} from ${source}`;
}

/** Consecutive numbers. */
export interface Numbers {
  from: number;
  to: number;
}

/** Numbers for people: `3`, or `3 to 5`. */
export function formatNumbers({ from, to }: Numbers): string {
  return from === to ? String(from) : `${from} to ${to}`;
}
