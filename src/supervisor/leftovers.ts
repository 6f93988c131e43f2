import type { FleetState } from './fleet-state.js';
import { hasEnded, isRunning } from './process-identity.js';

/** How long processes may take to end by themselves after their supervisor has ended, in milliseconds. */
const KILL_TIMEOUT_MS = 5000;

/** Ends the processes that a killed supervisor left running. Processes that are already ending have `patience`
 *  milliseconds to do so. Returns the names of those that were running. */
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
      await hasEnded(process, KILL_TIMEOUT_MS);
    }),
  );
  return names.sort();
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    // It has ended in the meantime.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
