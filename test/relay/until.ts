import { setTimeout } from 'node:timers/promises';

/** Resolves when `holds` does; the limit is mocha's. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await setTimeout(2);
}
