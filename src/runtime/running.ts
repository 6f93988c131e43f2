import { loadConfig, managementOf, type Config } from '../config/load-config.js';
import type { Logger } from '../telemetry/logger.js';
import type { CheckResult } from '../telemetry/health-server.js';

/** How a part of a fleet runs in a program. */
export interface RunOptions {
  /** Ends it in order: what has begun is finished within `config.drainTimeout`. */
  signal: AbortSignal;
  /** All of it as `loadConfig(process.env)` returns it, or a part. The environment is not read.
   *  @default the defaults of the variables */
  config?: Partial<Config>;
  /** The folder that `config.dataDir` starts from. @default process.cwd() */
  cwd?: string;
  /** @default entries of the level and in the format of `config`, on standard error */
  logger?: Logger;
}

/** What is known of a part of a fleet at this moment. */
export interface RunState {
  phase: 'starting' | 'ready' | 'stopping' | 'ended';
  /** What `/readyz` reports, by name. */
  checks: Readonly<Record<string, CheckResult>>;
}

/** A part of a fleet that runs in this program. As a promise it resolves when `signal` has aborted and everything has ended,
 *  and rejects, when everything has ended, with the error of a part that failed for good. */
export interface Running<Ready> extends Promise<void> {
  /** Resolves when it does its work; waits for the broker where that is needed. Rejects where it ends before. */
  readonly ready: Promise<Ready>;
  state(): RunState;
}

/** The whole configuration; what follows from other values does so here as in `loadConfig`. */
export function completeConfig(given: Partial<Config> = {}): Config {
  const config = { ...loadConfig({}), ...given };
  const { amqpUrl, dataDir, host, apiToken } = config;
  return {
    ...config,
    managementUrl: given.managementUrl ?? (amqpUrl && managementOf(amqpUrl)),
    databaseUrl: given.databaseUrl ?? `sqlite:${dataDir}/{service}.db`,
    healthHost: given.healthHost ?? host,
    metricsToken: given.metricsToken ?? apiToken,
  };
}
