import { ConflictError } from '../../../src/store/conflict-error.js';
import type { ExpectedVersion, Store } from '../../../src/store/store.js';
import { eventOf } from '../../contract/store-events.js';

export interface Command {
  stream: string;
  expected: ExpectedVersion;
  ids: string[];
}

/** The outcome of a command; any other error is a defect and not caught. */
export type Outcome = { version: number; appended: number } | { conflict: number };

/** Appends all commands concurrently, so that they share group commits. */
export function appendAll(store: Store, commands: readonly Command[]): Promise<Outcome[]> {
  return Promise.all(
    commands.map(async ({ stream, expected, ids }): Promise<Outcome> => {
      try {
        return await store.append(
          stream,
          expected,
          ids.map((id) => eventOf(stream, { id })),
        );
      } catch (error) {
        if (error instanceof ConflictError) return { conflict: error.actual };
        throw error;
      }
    }),
  );
}
