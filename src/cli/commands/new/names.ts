import { isPlainName } from '../../../text/plain-name.js';
import type { Fleet } from '../../../fleet/define-fleet.js';
import { RESERVED_NAMES } from '../../../fleet/reserved-names.js';
import { UsageError } from '../../shared/failure.js';
import { workerDefinitionOf } from '../../../worker/definition/worker-definition.js';

/** Names that a variable in a module cannot have, and names that the generated code uses. */
const RESERVED = new Set(
  (
    'arguments await break case catch class const continue debugger default delete do else enum eval export extends ' +
    'false finally for function if implements import in instanceof interface let new null package private protected ' +
    'public return static super switch this throw true try typeof undefined var void while with yield ' +
    'assert describe event events harness it'
  ).split(' '),
);

/** The name of a worker in its spellings. */
export interface WorkerNames {
  /** `loyalty-points`: its queue, folder and service. */
  name: string;
  /** `loyaltyPoints`: the variable. */
  variable: string;
  /** `loyalty_points`: in SQL. */
  table: string;
  /** `LOYALTY_POINTS`: in the environment. */
  environment: string;
}

/** Throws `UsageError` for the name of another part of the fleet: a process, a store, a queue, or a service or volume
 *  of the compose file. */
export function requireFreeName(name: string, { workers, api }: Pick<Fleet, 'workers' | 'api'>): void {
  const refuse = (why: string) => new UsageError(`a worker cannot be called ${name}: ${why}`);
  if (RESERVED_NAMES.has(name)) throw refuse('the name is reserved for another part of the fleet');
  if (name === api?.store) throw refuse('it is the store of the API');
  if (workers.some((worker) => worker.name === name)) throw refuse('there is such a worker already');
  const sharer = workers.find((worker) => workerDefinitionOf(worker).store === name);
  if (sharer !== undefined) throw refuse(`it is the store of ${sharer.name}`);
  const [, original, number] = /^(.*)-(\d+)$/.exec(name) ?? [];
  if (number !== undefined && workers.some((worker) => worker.name === original)) {
    throw refuse(`so the processes of ${original} are numbered`);
  }
}

/** Throws `UsageError` for an invalid name of a worker. */
export function namesOf(name: string): WorkerNames {
  if (!isPlainName(name) || name.length > 60) {
    throw new UsageError(`${JSON.stringify(name)}: a worker's name is lower-case letters, digits and single dashes`);
  }
  const camel = name.replace(/-([a-z0-9])/g, (_match, letter: string) => letter.toUpperCase());
  const table = name.replaceAll('-', '_');
  const variable = RESERVED.has(camel) ? `${camel}Worker` : camel;
  return { name, variable, table, environment: table.toUpperCase() };
}
