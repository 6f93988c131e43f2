import { isPlainName } from '../../plain-name.js';
import { UsageError } from '../failure.js';

/** What cannot be the name of a variable in a module, or would hide something. */
const RESERVED = new Set(
  (
    'arguments await break case catch class const continue debugger default delete do else enum eval export extends ' +
    'false finally for function if implements import in instanceof interface let new null package private protected ' +
    'public return static super switch this throw true try typeof undefined var void while with yield'
  ).split(' '),
);

/** The name of a worker in the forms in which it is written. */
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

/** Throws `UsageError` for what is no name of a worker. */
export function namesOf(name: string): WorkerNames {
  if (!isPlainName(name) || name.length > 60) {
    throw new UsageError(`${JSON.stringify(name)}: a worker's name is lower-case letters, digits and single dashes`);
  }
  const camel = name.replace(/-([a-z0-9])/g, (_match, letter: string) => letter.toUpperCase());
  const table = name.replaceAll('-', '_');
  const variable = RESERVED.has(camel) ? `${camel}Worker` : camel;
  return { name, variable, table, environment: table.toUpperCase() };
}
