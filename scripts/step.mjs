const quiet = process.env.FLOTILLA_QUIET === '1';
/** Follows the format of the fleet's log, so that the whole output is JSON. */
const isJson = process.env.LOG_FORMAT === 'json';

/** Prints a message about the set-up on standard error, because standard output belongs to the command. */
export function say(text) {
  if (!quiet) print('info', text);
}

/** Runs a slow step and prints its name, its reason and its duration. */
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

/** A failure whose message contains the remedy; printed without a stack. */
export class SetupError extends Error {
  name = 'SetupError';
}

/** Prints the error of a failed set-up and exits with code 1. */
export function exitWith(error) {
  print('error', error instanceof SetupError ? error.message : (error?.stack ?? String(error)));
  process.exit(1);
}
