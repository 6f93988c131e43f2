const quiet = process.env.FLOTILLA_QUIET === '1';
/** As the log of the fleet that is set up: then all that it prints is JSON. */
const isJson = process.env.LOG_FORMAT === 'json';

/** Says something about the set-up, on standard error: standard output belongs to the command that is being set up. */
export function say(text) {
  if (!quiet) print('info', text);
}

/** Runs one slow step and says what it does, why, and how long it took. */
export async function step(what, why, work) {
  if (!quiet && !isJson) process.stderr.write(`${what} (${why}) … `);
  const started = performance.now();
  try {
    const result = await work();
    say(isJson ? `${what} (${why}) took ${seconds(started)}` : seconds(started));
    return result;
  } catch (error) {
    say(isJson ? `${what} (${why}) failed after ${seconds(started)}` : `failed after ${seconds(started)}`);
    throw error;
  }
}

function print(level, message) {
  const entry = { timestamp: new Date().toISOString(), level, message, 'service.name': 'setup' };
  process.stderr.write(`${isJson ? JSON.stringify(entry) : message}\n`);
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
  print('error', error instanceof SetupError ? error.message : (error?.stack ?? String(error)));
  process.exit(1);
}
