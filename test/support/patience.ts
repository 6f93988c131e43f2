import { availableParallelism, loadavg } from 'node:os';

/** Limits in tests are written for an idle machine of the usual speed. They only end a test that hangs, so they may be generous:
 *  this is the room for a machine four times slower. */
const LEAST = 4;

/** The load is an average over a minute: it may be higher now. */
const SPARE = 2;

/** How many times longer than on an idle machine a test may take now, a whole number. Grows with the load of the machine. */
export function patience(): number {
  const [load = 0] = loadavg();
  return Math.max(LEAST, Math.ceil((SPARE * load) / availableParallelism()));
}
