import { z } from 'zod';
import { parseEnvironment } from './load-config.js';
import { environment } from './schema.js';
import { masked } from './secrets.js';
import { variableOf } from './worker-settings.js';

export interface ShownVariable {
  variable: string;
  /** Secrets masked; empty where it is not set and has no default. */
  value: string;
  from: 'environment' | 'default';
}

/** Every variable with the value that is in force, fit to be shown. Throws as `loadConfig`. */
export function showConfig(env: NodeJS.ProcessEnv): ShownVariable[] {
  parseEnvironment(env);
  return Object.entries<z.core.$ZodType>(environment.shape).map(([variable, type]) => {
    const given = env[variable];
    if (given !== undefined && given !== '') return { variable, value: masked(variable, given), from: 'environment' };
    return { variable, value: writtenDefault(type), from: 'default' };
  });
}

/** The default as it would be set (`20s`), where the type converts what is set; empty where there is none. */
function writtenDefault(type: z.core.$ZodType): string {
  return type instanceof z.ZodPrefault ? String(type.def.defaultValue) : defaultOf(type);
}

/** The settings of workers, of the API and of the sandbox, without the variables of Flotilla itself that are among them.
 *  The defaults are those of the schemas where `defaults` has none. `schemas` by the owner's name. */
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

/** As it would be written in the environment; empty where there is none. */
function defaultOf(type: z.core.$ZodType): string {
  const { data } = z.safeParse(type, undefined);
  return data === undefined ? '' : typeof data === 'string' ? data : JSON.stringify(data);
}
