import { z } from 'zod';
import { FlotillaError } from '../errors.js';
import type { Config } from './load.js';
import { isSecret, maskedUrl } from './secrets.js';

/** Where workers find the outside world in development: the sandbox. */
export function developmentSettings(
  config: Pick<Config, 'sandboxHost' | 'sandboxPort' | 'sandboxSmtpPort' | 'sandboxToken' | 'sandboxSmtpLogin'>,
): NodeJS.ProcessEnv {
  const { sandboxToken: token, sandboxHost } = config;
  const host = sandboxHost.includes(':') ? `[${sandboxHost}]` : sandboxHost;
  const login = token === undefined ? '' : `sandbox:${encodeURIComponent(token)}@`;
  const url = `http://${login}${host}:${config.sandboxPort}`;
  const smtpLogin = config.sandboxSmtpLogin === 'none' ? '' : login;
  return { GATEWAY_URL: url, CARRIER_URL: url, SMTP_URL: `smtp://${smtpLogin}${host}:${config.sandboxSmtpPort}` };
}

/** The environment with the development settings under it. Compose files pass what is not set as an empty text. */
export function withDevelopmentSettings(
  config: Parameters<typeof developmentSettings>[0],
  env: NodeJS.ProcessEnv,
): NodeJS.ProcessEnv {
  const set = Object.entries(env).filter(([, value]) => value !== '');
  return { ...developmentSettings(config), ...Object.fromEntries(set) };
}

/** Reads a worker's settings from the environment: `gatewayUrl` from GATEWAY_URL. Text stays text where the schema
 *  takes text; otherwise it is read as JSON (`5`, `true`). They are as the schema takes them: whoever uses them
 *  parses them. Throws `config.invalid`, naming variable and worker. */
export function readSettings(worker: string, schema: z.ZodObject, env: NodeJS.ProcessEnv): Record<string, unknown> {
  return read(`worker ${worker}`, schema, env);
}

/** Reads the API's settings, as `readSettings` does a worker's. */
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
  return given; // a transformation is not done twice
}

/** What is wrong with the settings of a worker or of the API, by name: one line for each variable. */
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

/** `gatewayUrl` -> `GATEWAY_URL` */
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
