import type { Running, RunOptions } from '../../runtime/running.js';
import { announceReady } from '../../supervisor/child-process.js';
import type { Context } from './context.js';

/** The options with which a command runs a part of the fleet in this process. */
export function runOptions(context: Context, name: string): RunOptions {
  const { config, cwd, signal } = context;
  return { config, cwd, signal, logger: context.logger({ process: name }) };
}

/** Reports to a supervisor when `running` is ready; settles with `running`. */
export async function untilEnded(running: Running<{ url: string | undefined }>): Promise<void> {
  running.ready.then(
    ({ url }) => announceReady(url === undefined ? {} : { url }),
    () => undefined, // `running` also rejects
  );
  await running;
}
