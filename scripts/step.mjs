const quiet = process.env.FLOTILLA_QUIET === '1';

/** Says something about the set-up, on standard error: standard output belongs to the command that is being set up. */
export function say(text) {
  if (!quiet) process.stderr.write(`${text}\n`);
}

/** Runs one slow step and says what it does, why, and how long it took. */
export async function step(what, why, work) {
  if (!quiet) process.stderr.write(`${what} (${why}) … `);
  const started = performance.now();
  try {
    const result = await work();
    say(seconds(started));
    return result;
  } catch (error) {
    say(`failed after ${seconds(started)}`);
    throw error;
  }
}

/** `2.1 s` since `started`, a time of `performance.now()`. */
export function seconds(started) {
  return `${((performance.now() - started) / 1000).toFixed(1)} s`;
}

/** What went wrong, in words that say what to do: shown without a stack. */
export class SetupError extends Error {
  name = 'SetupError';
}

/** Ends the process on a failure of the set-up: one message, exit code 1. */
export function exitWith(error) {
  process.stderr.write(`${error instanceof SetupError ? error.message : (error?.stack ?? String(error))}\n`);
  process.exit(1);
}
