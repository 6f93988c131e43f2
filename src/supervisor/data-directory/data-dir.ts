import { accessSync, constants, rmdirSync, statSync } from 'node:fs';
import { FlotillaError, messageOf } from '../../errors.js';
import { makeDirectory } from '../../files/make-directory.js';

/** Creates the data directory where it is missing. Throws `config.invalid` for one that cannot be created or used. */
export function requireDataDir(path: string): void {
  const problem = problemOf(() => {
    makeDirectory(path);
    check(path, constants.R_OK | constants.W_OK | constants.X_OK);
  });
  if (problem !== undefined) throw invalid(path, problem);
}

/** The same for what only reads: a directory that is missing is none of its business. */
export function requireReadableDataDir(path: string): void {
  const problem = problemOf(() => {
    // Not with `throwIfNoEntry`: it takes a path below a file for one that is only missing.
    try {
      check(path, constants.R_OK | constants.X_OK);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    }
  });
  if (problem !== undefined) throw invalid(path, problem);
}

/** Why a data directory could not be created or used; undefined where it could. Leaves nothing behind. */
export function dataDirProblem(path: string): string | undefined {
  let created: string[] = [];
  const problem = problemOf(() => {
    created = makeDirectory(path);
    check(path, constants.R_OK | constants.W_OK | constants.X_OK);
  });
  for (const folder of created.reverse()) rmdirSync(folder);
  return problem;
}

function check(path: string, mode: number): void {
  if (!statSync(path).isDirectory()) throw new Error('it is not a directory');
  accessSync(path, mode);
}

function problemOf(work: () => void): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

function invalid(path: string, problem: string): FlotillaError {
  return new FlotillaError('config.invalid', `DATA_DIR ${JSON.stringify(path)} cannot be used: ${problem}`);
}
