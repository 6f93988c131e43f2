import { z } from 'zod';
import { FlotillaError } from '../errors.js';
import type { Fleet } from '../fleet/define-fleet.js';
import type { Sandbox } from '../fleet/sandbox.js';
import { isSecret, maskedUrl } from './secrets.js';

/** The defaults that the sandbox of the fleet declares for workers, by variable. Throws `config.invalid` if the
 *  sandbox's own settings are invalid. */
export function developmentSettings({ sandbox }: Pick<Fleet, 'sandbox'>, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  if (sandbox === undefined) return {};
  const { settings, token } = readSandboxSettings(sandbox, env);
  return sandbox.workerSettings(settings, token);
}

/** The environment, supplemented by the development settings. An empty value counts as unset, because Compose files
 *  pass unset variables as empty text. */
export function withDevelopmentSettings(fleet: Pick<Fleet, 'sandbox'>, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const set = Object.entries(env).filter(([, value]) => value !== '');
  return { ...developmentSettings(fleet, env), ...Object.fromEntries(set) };
}

export interface SandboxSettings {
  settings: Record<string, unknown>;
  /** By the variable that sets the port. */
  ports: Readonly<Record<string, number>>;
  token: string | undefined;
  /** The variables that may set the token. */
  tokenVariables: readonly string[];
}

/** Reads the sandbox's settings, like `readSettings` for a worker. */
export function readSandboxSettings(
  sandbox: Pick<Sandbox, 'settings' | 'ports' | 'tokens'>,
  env: NodeJS.ProcessEnv,
): SandboxSettings {
  const settings = read('the sandbox', sandbox.settings, env);
  const values: Record<string, unknown> = sandbox.settings.parse(settings);
  const token = sandbox.tokens.map((name) => values[name]).find((value) => typeof value === 'string');
  return {
    settings,
    ports: Object.fromEntries(sandbox.ports.map((name) => [variableOf(name), Number(values[name])])),
    token,
    tokenVariables: sandbox.tokens.map(variableOf),
  };
}

/** Reads a worker's settings from the environment: `pageSize` from PAGE_SIZE. A value is text if the schema accepts
 *  text, otherwise JSON (`5`, `true`). Returns the input of the schema: the caller parses it. Throws `config.invalid`
 *  with the names of variable and worker. */
export function readSettings(worker: string, schema: z.ZodObject, env: NodeJS.ProcessEnv): Record<string, unknown> {
  return read(`worker ${worker}`, schema, env);
}

/** Reads the API's settings, like `readSettings` for a worker. */
export function readApiSettings(schema: z.ZodObject, env: NodeJS.ProcessEnv): Record<string, unknown> {
  return read('the API', schema, env);
}

function givenIn(schema: z.ZodObject, env: NodeJS.ProcessEnv): Record<string, unknown> {
  const given: Record<string, unknown> = {};
  const shape: Readonly<Record<string, z.core.$ZodType>> = schema.shape;
  for (const [key, type] of Object.entries(shape)) {
    const text = env[variableOf(key)];
    if (text !== undefined && text !== '') given[key] = valueOf(type, text);
  }
  return given;
}

function read(owner: string, schema: z.ZodObject, env: NodeJS.ProcessEnv): Record<string, unknown> {
  const given = givenIn(schema, env);
  const [problem] = problemsOf(owner, schema, given, env);
  if (problem !== undefined) throw new FlotillaError('config.invalid', problem);
  return given; // unparsed, because the caller's parse would repeat a transformation
}

/** The errors in the settings of a worker or of the API, one line for each variable. */
export function settingsProblems(owner: string, schema: z.ZodObject, env: NodeJS.ProcessEnv): string[] {
  return problemsOf(owner, schema, givenIn(schema, env), env);
}

function problemsOf(
  owner: string,
  schema: z.ZodObject,
  given: Record<string, unknown>,
  env: NodeJS.ProcessEnv,
): string[] {
  const result = schema.safeParse(given);
  const problems = new Map<string, string>();
  for (const { path, message } of result.error?.issues ?? []) {
    const variable = variableOf(String(path[0] ?? ''));
    const text = env[variable];
    const now = text === undefined || text === '' ? 'it is not set' : shown(variable, text);
    if (!problems.has(variable)) problems.set(variable, `${variable} of ${owner}: ${message} (${now})`);
  }
  return [...problems.values()];
}

/** `pageSize` -> `PAGE_SIZE` */
export function variableOf(key: string): string {
  return key.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase();
}

function valueOf(type: z.core.$ZodType, text: string): unknown {
  if (z.safeParse(type, text).success) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function shown(variable: string, text: string): string {
  return isSecret(variable) ? 'what it is now is not shown' : `it is ${JSON.stringify(maskedUrl(text).slice(0, 80))}`;
}
