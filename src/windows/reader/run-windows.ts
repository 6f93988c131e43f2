import { consumeStream, type StreamConsumer } from '../../event-log/consumers/stream-consumer.js';
import { versionName, type WindowsDefinition } from '../definition.js';
import { prepareWindows } from '../state/windows-table.js';
import type { RunWindowsOptions } from './options.js';
import { WindowsSession, type WindowsProgress } from './windows-session.js';

export interface WindowsState extends WindowsProgress {
  name: string;
  version: number;
  /** `reading`: this process leads. `standby`: another replica leads. `starting`: not known yet. */
  status: 'starting' | 'reading' | 'standby';
  /** The offset of the log up to which events are in the windows; -1 before the first entry. */
  offset: number;
  /** The latest breaks of the log. */
  alarms: readonly string[];
}

/** The part of a running worker that computes windows. */
export interface WindowsPart {
  state: () => readonly WindowsState[];
  /** Writes what has been read and releases the leases, so that other replicas take over immediately. */
  stop: () => Promise<void>;
}

/** Computes windows over the log. Safe to run in several processes: the holder of a lease works for a definition.
 *  Resolves when the tables exist. Rejects with `windows.changed` if a definition was changed without a new version. */
export async function runWindows(
  definitions: readonly WindowsDefinition[],
  options: RunWindowsOptions,
): Promise<WindowsPart> {
  const running: { definition: WindowsDefinition; session: WindowsSession; consumer: StreamConsumer }[] = [];
  // before one of them starts
  for (const definition of definitions) await prepareWindows(options.store, definition, options.clock.now());
  for (const definition of definitions) {
    const logger = options.logger.child({ windows: definition.name });
    const session = new WindowsSession(definition, { ...options, logger });
    const consumer = consumeStream({ ...options, logger, worker: versionName(definition) }, (consuming) =>
      session.run(consuming),
    );
    running.push({ definition, session, consumer });
  }
  return {
    state: () =>
      running.map(({ definition: { name, version }, session, consumer }) => ({
        name,
        version,
        ...session.progress(),
        ...consumer.state(),
      })),
    async stop() {
      await Promise.all(running.map(({ consumer }) => consumer.stop()));
    },
  };
}
