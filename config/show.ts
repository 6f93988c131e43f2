import type { z } from 'zod';
import { parseEnvironment } from './load.js';
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
  const values: Record<string, unknown> = parseEnvironment(env);
  return Object.keys(environment.shape).map((variable) => {
    const given = env[variable];
    if (given !== undefined && given !== '') return { variable, value: masked(variable, given), from: 'environment' };
    const value = values[variable];
    return { variable, value: value === undefined ? '' : JSON.stringify(value).replace(/^"|"$/g, ''), from: 'default' };
  });
}

/** The settings of workers, which are read from the environment too. `schemas` by the worker's name. */
export function showSettings(
  schemas: Readonly<Record<string, z.ZodObject>>,
  env: NodeJS.ProcessEnv,
  defaults: NodeJS.ProcessEnv,
): ShownVariable[] {
  const variables = new Set(Object.values(schemas).flatMap(({ shape }) => Object.keys(shape).map(variableOf)));
  return [...variables].sort().map((variable) => {
    const given = env[variable];
    const isGiven = given !== undefined && given !== '';
    const value = isGiven ? given : (defaults[variable] ?? '');
    return { variable, value: masked(variable, value), from: isGiven ? 'environment' : 'default' };
  });
}
