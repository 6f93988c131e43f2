import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from '../context.js';

const REFRESH_INTERVAL_MS = 2000;

/** A state to print. */
export interface Shown {
  json: object;
  lines: () => string[];
}

/** Prints a state at an interval, until the signal aborts: redraws a terminal, otherwise prints one after the other, as JSON
 *  one line each. `read` receives the time in milliseconds since the epoch, which is printed with the state. */
export async function repeat(
  context: Pick<Context, 'signal' | 'print' | 'printJson' | 'redraw' | 'redrawable'>,
  interval: number = REFRESH_INTERVAL_MS,
  json: boolean,
  read: (now: number) => Promise<Shown>,
): Promise<void> {
  const { signal, print, printJson, redraw, redrawable } = context;
  try {
    for (let round = 0; !signal.aborted; round += 1) {
      const now = Date.now();
      const shown = await read(now);
      const time = new Date(now).toISOString();
      if (json) printJson({ time, ...shown.json });
      else if (redrawable) redraw([time, ...shown.lines()]);
      else for (const line of [...(round === 0 ? [] : ['']), time, ...shown.lines()]) print(line);
      await sleep(interval, undefined, { signal });
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
