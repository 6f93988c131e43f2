import { setTimeout as sleep } from 'node:timers/promises';
import type { ChaosRun } from './chaos-run.js';

export interface KillOptions {
  kills: number;
  /** The minimum and maximum time between two kills, in milliseconds. */
  pause: readonly [number, number];
  /** The minimum and maximum downtime of a killed process, in milliseconds. @default [0, 500] */
  absence?: readonly [number, number];
  /** Other targets that can be killed and restarted, such as the broker. */
  others?: Readonly<Record<string, { kill: () => Promise<void>; restart: () => Promise<void> }>>;
  say?: (line: string) => void;
}

/** Retry delays that cover the time between a kill and the restart of any process. */
export const PATIENT = { RETRY_DELAYS: '100ms,300ms,1s,4s,10s,20s,60s' };

/** Kills one random process after another and restarts each; resolves when all are ready, with the number of kills
 *  by target. */
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
