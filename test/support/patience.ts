import { availableParallelism, loadavg } from 'node:os';

/** Limits in tests are written for an idle machine of the usual speed. They only end a test that hangs, so they may be generous. */
const SPARE = 4;

/** How many times longer than on an idle machine a test may take now: room for a machine four times slower, and in proportion
 *  to the processes that wait for a processor. */
export function patience(): number {
  const [load = 0] = loadavg();
  return SPARE * Math.max(1, load / availableParallelism());
}
