import { inspect } from 'node:util';
import { FlotillaError, messageOf } from '../errors.js';
import type { Outcome } from './simulation.js';

/** A run in which a promise is broken, for whoever has to find out why: what is wrong, how to have it again, what happened.
 *  `found`: how many runs it took. */
export function failureOfRun(outcome: Outcome<unknown>, found?: string): FlotillaError {
  const { seed, faults, input, error, trace } = outcome;
  const again = { seed, faults, ...(input !== undefined && { input }) };
  const detail = [
    messageOf(error),
    '',
    ...(found === undefined ? [] : [found]),
    `  to have it again: simulation.run(${literal(again)})`,
    '',
    `  what happened (${faults.length === 0 ? 'no faults' : `faults: ${faults.length}`}):`,
    ...trace.map((line) => `  ${line}`),
    '',
  ].join('\n');
  return new FlotillaError('simulation.failed', detail, { cause: error });
}

/** As it is written in a program. */
function literal(value: unknown): string {
  const whole = { depth: Infinity, maxArrayLength: Infinity, maxStringLength: Infinity } as const;
  return inspect(value, { ...whole, breakLength: 160 }).replaceAll('\n', '\n  ');
}
