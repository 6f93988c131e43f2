import type { Duration } from '../../worker/definition/options.js';

/** The default subject of an event in a test. */
export const SUBJECT = 'test/1';

/** An event of a test. The harness adds the rest of the envelope. */
export interface TestEvent {
  type: string;
  data: unknown;
  /** @default 'test/1' */
  subject?: string;
  id?: string;
}

/** An appended event. */
export interface SeenEvent {
  type: string;
  subject: string;
  data: unknown;
}

/** A scheduled event. */
export interface ScheduledEvent extends SeenEvent {
  /** When it is due: RFC 3339, UTC. */
  at: string;
}

/** An expected scheduled event, due a duration after the last step (`in`), or `at` a time. */
export type ExpectedSchedule = Omit<TestEvent, 'id'> & ({ in: Duration } | { at: Date | string });
