import type { z } from 'zod';
import type { Logger } from '../telemetry/logger.js';

/** Where a sandbox runs. */
export interface SandboxOptions {
  host: string;
  /** Where it keeps its files. */
  dataDir: string;
  /** Every request needs it. */
  token: string | undefined;
  logger: Logger;
}

/** The process that stands in for the outside world in development, as a fleet declares it. */
export interface SandboxDeclaration<Settings extends z.ZodObject = z.ZodObject> {
  /** Read from the environment by the command line, as those of workers: `sandboxPort` from SANDBOX_PORT. */
  readonly settings: Settings;
  /** The settings that are ports on which it listens. */
  readonly ports: readonly (keyof z.output<Settings> & string)[];
  /** The settings that may hold its token, the first that is set counts. Beyond loopback, one of them must be set. */
  readonly tokens: readonly (keyof z.output<Settings> & string)[];
  /** What workers use where the environment does not set it, by variable: `{ MAIL_URL: 'smtp://…' }`. */
  readonly workerSettings?: (
    settings: z.output<Settings>,
    token: string | undefined,
  ) => Readonly<Record<string, string>>;
  /** Resolves when the sandbox can be used. */
  readonly start: (
    settings: z.output<Settings>,
    options: SandboxOptions,
  ) => Promise<{ url: string; close: () => Promise<void> }>;
}

/** A sandbox with any settings. */
export interface Sandbox {
  readonly settings: z.ZodObject;
  readonly ports: readonly string[];
  readonly tokens: readonly string[];
  readonly workerSettings: (
    settings: Record<string, unknown>,
    token: string | undefined,
  ) => Readonly<Record<string, string>>;
  readonly start: (
    settings: Record<string, unknown>,
    options: SandboxOptions,
  ) => Promise<{ url: string; close: () => Promise<void> }>;
}

export function sandboxOf<Settings extends z.ZodObject>(declared: SandboxDeclaration<Settings>): Sandbox {
  const { settings, ports, tokens, workerSettings, start } = declared;
  return {
    settings,
    ports,
    tokens,
    workerSettings: (given, token) => workerSettings?.(settings.parse(given), token) ?? {},
    start: (given, options) => start(settings.parse(given), options),
  };
}
