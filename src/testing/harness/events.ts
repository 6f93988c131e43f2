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
  /** The version of the data. @default the latest */
  version?: number;
}

/** An event that the worker is expected to emit. */
export type ExpectedEvent = Pick<TestEvent, 'type' | 'data' | 'subject'>;

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
export type ExpectedSchedule = ExpectedEvent & ({ in: Duration } | { at: Date | string });
