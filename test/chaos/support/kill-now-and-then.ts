import { setTimeout as sleep } from 'node:timers/promises';
import type { ChaosRun } from './chaos-run.js';

export interface KillOptions {
  kills: number;
  /** Milliseconds between two kills, at least and at most. */
  pause: readonly [number, number];
  /** For how long a killed process is not there, in milliseconds, at least and at most. @default at most 500 */
  absence?: readonly [number, number];
  /** Something beside the processes of the fleet that can be killed and brought back: the broker. */
  others?: Readonly<Record<string, { kill: () => Promise<void>; restart: () => Promise<void> }>>;
  say?: (line: string) => void;
}

/** Long enough for whatever stands between a kill and the process that comes after it. */
export const PATIENT = { RETRY_DELAYS: '100ms,300ms,1s,4s,10s,20s' };

/** Kills one of the processes after the other, and starts each again; resolves when all are ready. Gives what was killed how
 *  often. */
export async function killNowAndThen(
  { fleet, random }: ChaosRun,
  { kills, pause, absence = [0, 500], others = {}, say }: KillOptions,
): Promise<Record<string, number>> {
  const killed: Record<string, number> = {};
  const targets = [...fleet.roles, ...Object.keys(others)] as [string, ...string[]];
  for (let n = 0; n < kills; n += 1) {
    await sleep(random.between(...pause));
    const target = random.pick(targets);
    killed[target] = (killed[target] ?? 0) + 1;
    say?.(`kill -9 ${target}`);
    const other = others[target];
    if (other === undefined) {
      await fleet.process(target).kill();
      await sleep(random.between(...absence));
      fleet.launch([target]);
    } else {
      await other.kill();
      await other.restart();
    }
  }
  await Promise.all(fleet.roles.map((role) => fleet.process(role).ready()));
  return killed;
}
