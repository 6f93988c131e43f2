import { FlotillaError } from '../errors.js';
import { sleep } from '../concurrency/sleep.js';
import type { Store } from '../store/store.js';
import type { Logger } from '../telemetry/logger.js';
import type { Metrics } from '../telemetry/metrics.js';
import { dropOld } from './tables/generations.js';
import { prepareProjections } from './tables/prepare.js';
import type { ProjectionDefinition } from './definition.js';
import { ProjectionRunner } from './runner.js';
import { stateOfProjection, type ProjectionState } from './status.js';

export interface RunProjectionsOptions {
  store: Store;
  /** This process, as the holder of the lease; no two processes have the same. */
  instance: string;
  logger: Logger;
  metrics?: Metrics | undefined;
  /** Milliseconds after which another process takes over from one that has vanished. @default 5000 */
  leaseTtl?: number | undefined;
  /** Milliseconds since the epoch. @default Date.now */
  now?: (() => number) | undefined;
}

/** The part of a running worker that keeps read models. */
export interface ProjectionsPart {
  /** The state of each projection, as observed a second ago at most. */
  state: () => readonly ProjectionState[];
  /** Resolves when every model contains all events that the store had at the call, whichever process has updated it. Rejects
   *  with `projection.poison` or `projection.outdated` when one is stopped or outdated. */
  caughtUp: () => Promise<void>;
  /** Resolves when everything has ended; what was not committed is left to the next process. */
  stop: () => Promise<void>;
}

const POLL_INTERVAL_MS = 5;

/** Keeps read models up to date with the events of their store. Safe to run in several processes: a lease decides which
 *  of them does the work, and checkpoints prevent that one overwrites another's. A model that cannot handle an event stops,
 *  and it alone, until an operator skips the event or a process starts that can handle it. Resolves when all are prepared. */
export async function runProjections(
  projections: readonly ProjectionDefinition[],
  options: RunProjectionsOptions,
): Promise<ProjectionsPart> {
  const { store, now = Date.now } = options;
  await prepareProjections(store, projections, now);
  // left by a rebuild that has died after its swap
  for (const { name } of projections) await dropOld(store, name);
  const ending = new AbortController();
  const runners = projections.map((projection) => new ProjectionRunner(projection, { ...options, now }));
  const running = runners.map((runner) => runner.run(ending.signal));
  return {
    state: () => runners.map(({ seen }) => seen),
    async caughtUp() {
      const head = await store.head();
      for (const definition of projections) {
        for (;;) {
          const state = await stateOfProjection(store, definition);
          if (state.position >= head) break;
          throwIfStopped(state);
          if (ending.signal.aborted) throw new FlotillaError('store.closed');
          await sleep(POLL_INTERVAL_MS, ending.signal);
        }
      }
    },
    async stop() {
      ending.abort();
      await Promise.all(running);
    },
  };
}

function throwIfStopped({ name, status, stop }: ProjectionState): void {
  if (status === 'outdated') throw new FlotillaError('projection.outdated', name);
  if (stop === undefined) return;
  const { type, position, code, message } = stop;
  throw new FlotillaError('projection.poison', `${name}, ${type} at ${position}: ${code}: ${message}`);
}
