import { z } from 'zod';
import { parseEnvironment } from './load-config.js';
import { environment } from './schema.js';
import { masked } from './secrets.js';
import { variableOf } from './worker-settings.js';

export interface ShownVariable {
  variable: string;
  /** Masked if secret; empty if unset without a default. */
  value: string;
  from: 'environment' | 'default';
}

/** Every variable with its effective value, secrets masked. Throws like `loadConfig`. */
export function showConfig(env: NodeJS.ProcessEnv): ShownVariable[] {
  parseEnvironment(env);
  return Object.entries<z.core.$ZodType>(environment.shape).map(([variable, type]) => {
    const given = env[variable];
    if (given !== undefined && given !== '') return { variable, value: masked(variable, given), from: 'environment' };
    return { variable, value: writtenDefault(type), from: 'default' };
  });
}

/** The default in the notation of the environment (`20s`), for types that convert the text; empty without a default. */
function writtenDefault(type: z.core.$ZodType): string {
  return type instanceof z.ZodPrefault ? String(type.def.defaultValue) : defaultOf(type);
}

/** The settings of workers, of the API and of the sandbox, except variables of Flotilla itself. Without an entry in
 *  `defaults`, the default of the schema is shown. `schemas` by the owner's name. */
export function showSettings(
  schemas: Readonly<Record<string, z.ZodObject>>,
  env: NodeJS.ProcessEnv,
  defaults: NodeJS.ProcessEnv,
): ShownVariable[] {
  const types = new Map(
    Object.values(schemas).flatMap(({ shape }) =>
      Object.entries<z.core.$ZodType>(shape).map(([key, type]) => [variableOf(key), type]),
    ),
  );
  return [...types]
    .filter(([variable]) => !(variable in environment.shape))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([variable, type]) => {
      const given = env[variable];
      const isGiven = given !== undefined && given !== '';
      const value = isGiven ? given : (defaults[variable] ?? defaultOf(type));
      return { variable, value: masked(variable, value), from: isGiven ? 'environment' : 'default' };
    });
}

/** The default in the notation of the environment; empty without a default. */
function defaultOf(type: z.core.$ZodType): string {
  const { data } = z.safeParse(type, undefined);
  return data === undefined ? '' : typeof data === 'string' ? data : JSON.stringify(data);
}
