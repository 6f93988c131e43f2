import { CommanderError } from 'commander';
import { FlotillaError, messageOf, withRemedy, type ErrorCode } from '../../errors.js';

/** The command was used wrongly; the message says how it is used. Exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What the command was asked for did not succeed, and all there is to say has been said. Exit code 1. */
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

/** Exit codes: 0 done, 1 failed, 2 wrong use. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof UsageError) return 2;
  if (error instanceof AggregateError) return Math.max(1, ...error.errors.map(exitCodeOf));
  if (error instanceof FlotillaError) return WRONG_USE.has(error.code) ? 2 : 1;
  return 1;
}

/** What went wrong and what to do: a line for each error; none where it has been printed already. */
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
