import type { z } from 'zod';
import type { Logger } from '../telemetry/logger.js';

/** The start options of a sandbox. */
export interface SandboxOptions {
  host: string;
  /** The directory for its files. */
  dataDir: string;
  /** Required by every request. */
  token: string | undefined;
  logger: Logger;
}

/** The declaration of a sandbox: a process that simulates external services in development. */
export interface SandboxDeclaration<Settings extends z.ZodObject = z.ZodObject> {
  /** The schema of its settings, read from the environment as those of workers: `sandboxPort` from SANDBOX_PORT. */
  readonly settings: Settings;
  /** The settings that contain the ports on which it listens. */
  readonly ports: readonly (keyof z.output<Settings> & string)[];
  /** The settings that may contain its token; the first one that is set counts. On a host other than loopback, one of
   *  them must be set. */
  readonly tokens: readonly (keyof z.output<Settings> & string)[];
  /** Defaults for workers whose environment does not set these variables: `{ MAIL_URL: 'smtp://…' }`. */
  readonly workerSettings?: (
    settings: z.output<Settings>,
    token: string | undefined,
  ) => Readonly<Record<string, string>>;
  /** Resolves when the sandbox is ready. */
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
