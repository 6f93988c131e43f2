import { availableParallelism, loadavg } from 'node:os';

/** The factor for a machine four times slower. Limits in tests are written for an idle machine of usual speed and
 *  only end a test that hangs. */
const LEAST = 4;

/** The system reports an average over a minute, so the current load may be higher. */
const SPARE = 2;

/** The factor by which test limits are stretched now, a whole number. Grows with the load of the machine. */
export function patience(): number {
  const [load = 0] = loadavg();
  return Math.max(LEAST, Math.ceil((SPARE * load) / availableParallelism()));
}
