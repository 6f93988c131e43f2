import { CommanderError } from 'commander';
import { FlotillaError, messageOf, withRemedy, type ErrorCode } from '../../errors.js';

/** Incorrect usage of a command; the message describes the correct one. Exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** A failure of the command that its output already describes. Exit code 1. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
}

const WRONG_USE: ReadonlySet<ErrorCode> = new Set([
  'config.invalid',
  'node.unsupported',
  'broker.not_configured',
  'fleet.running',
  'fleet.prefix_taken',
  'fleet.invalid',
  'fleet.stale',
  'name.invalid',
  'folder.not_empty',
]);

/** Returns the exit code for an error: 1 failure, 2 incorrect usage or configuration. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof UsageError) return 2;
  if (error instanceof AggregateError) return Math.max(1, ...error.errors.map(exitCodeOf));
  if (error instanceof FlotillaError) return WRONG_USE.has(error.code) ? 2 : 1;
  return 1;
}

/** Returns a line with the cause and the remedy of each error; none for errors that have been printed. */
export function failureLines(error: unknown): string[] {
  if (error instanceof AggregateError) return error.errors.flatMap(failureLines);
  if (error instanceof CommanderError || error instanceof CommandFailed) return [];
  const line = (error instanceof FlotillaError ? withRemedy(error) : messageOf(error))
    .split('\n')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .join(' | ');
  const code = error instanceof FlotillaError ? error.code : error instanceof UsageError ? 'usage' : 'error';
  return [`${code}: ${line}`];
}
