import type { Duration } from '../../worker/definition/options.js';

/** The subject of an event for which the test states none. */
export const SUBJECT = 'test/1';

/** An event for a test: what the rest of the envelope is made from. */
export interface TestEvent {
  type: string;
  data: unknown;
  /** @default 'test/1' */
  subject?: string;
  id?: string;
}

/** An event as it was appended. */
export interface SeenEvent {
  type: string;
  subject: string;
  data: unknown;
}

/** An event that waits for its time. */
export interface ScheduledEvent extends SeenEvent {
  /** When it is due: RFC 3339, UTC. */
  at: string;
}

/** An event that should wait: `in` so much time after the last step, or until a time. */
export type ExpectedSchedule = Omit<TestEvent, 'id'> & ({ in: Duration } | { at: Date | string });
