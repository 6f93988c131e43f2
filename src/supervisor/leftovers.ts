import type { FleetState } from './fleet-state.js';
import { hasEnded, isRunning } from './process-identity.js';

/** Processes end by themselves when their supervisor is gone; this is how long they may take, in milliseconds. */
const KILL_LIMIT = 5000;

/** Ends what a supervisor that was killed left running: processes that are about to end by themselves are given
 *  `patience` milliseconds for it. Gives the names of those that were running. */
export async function endLeftovers(state: FleetState | undefined, patience: number): Promise<string[]> {
  if (state === undefined) return [];
  const names: string[] = [];
  await Promise.all(
    state.processes.map(async (process) => {
      if (!(await isRunning(process))) return;
      names.push(process.name);
      signal(process.pid, 'SIGTERM');
      if (await hasEnded(process, patience)) return;
      signal(process.pid, 'SIGKILL');
      await hasEnded(process, KILL_LIMIT);
    }),
  );
  return names.sort();
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    // It has ended meanwhile.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
