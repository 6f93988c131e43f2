import { accessSync, constants, rmdirSync, statSync } from 'node:fs';
import { FlotillaError, messageOf } from '../../errors.js';
import { makeDirectory } from '../../files/make-directory.js';

/** Creates a missing data directory. Throws `config.invalid` if it cannot be created or used. */
export function requireDataDir(path: string): void {
  const problem = problemOf(() => {
    makeDirectory(path);
    check(path, constants.R_OK | constants.W_OK | constants.X_OK);
  });
  if (problem !== undefined) throw invalid(path, problem);
}

/** Like `requireDataDir` for commands that only read: a missing directory is not an error. */
export function requireReadableDataDir(path: string): void {
  const problem = problemOf(() => {
    // Not with `throwIfNoEntry`: it treats a path below a file as missing.
    try {
      check(path, constants.R_OK | constants.X_OK);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    }
  });
  if (problem !== undefined) throw invalid(path, problem);
}

/** Why a data directory cannot be created or used; undefined if it can. Leaves no files behind. */
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
