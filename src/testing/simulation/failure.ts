import { FlotillaError, messageOf } from '../../errors.js';
import { literal } from './explore/literal.js';
import type { RunOutcome } from './run-outcome.js';

/** The number of lines shown at the beginning and the end of a longer trace. */
const SHOWN_LINES = { first: 300, last: 100 } as const;

/** The report of a failed run: the error, how to repeat the run, its trace. `hasInput`: its input was generated.
 *  `found`: the number of runs until the failure. */
export function failureOfRun(
  outcome: RunOutcome<unknown>,
  { hasInput, found }: { hasInput: boolean; found?: string },
): FlotillaError {
  const { seed, faults, input, error, trace } = outcome;
  const again = { seed, faults, ...((hasInput || input !== undefined) && { input }) };
  const detail = [
    messageOf(error),
    '',
    ...(found === undefined ? [] : [found]),
    `  to repeat it: simulation.run(${literal(again).replaceAll('\n', '\n  ')})`,
    '',
    `  events (${faults.length === 0 ? 'no faults' : `faults: ${faults.length}`}):`,
    ...shownLines(trace).map((line) => `  ${line}`),
    '',
  ].join('\n');
  return new FlotillaError('simulation.failed', detail, { cause: error });
}

function shownLines(trace: readonly string[]): readonly string[] {
  const left = trace.length - SHOWN_LINES.first - SHOWN_LINES.last;
  if (left <= 0) return trace;
  const gap = `… ${left} lines, which simulation.attempt gives`;
  return [...trace.slice(0, SHOWN_LINES.first), gap, ...trace.slice(-SHOWN_LINES.last)];
}
