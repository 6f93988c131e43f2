import { startHealthServer, type HealthServerOptions } from '../telemetry/health-server.js';
import type { FleetProcess } from './fleet-process.js';

/** Serves /livez, /readyz and /metrics of a process until it has ended. Throws `config.invalid` where the port is taken. */
export async function serveHealth(
  { config, metrics, checks, atEnd }: Pick<FleetProcess, 'config' | 'metrics' | 'checks' | 'atEnd'>,
  { ordering }: Pick<HealthServerOptions, 'ordering'> = {},
): Promise<{ url: string }> {
  const health = await startHealthServer({
    host: config.healthHost,
    port: config.healthPort,
    metrics,
    checks,
    ordering,
    ...(config.metricsToken !== undefined && { token: config.metricsToken }),
  });
  atEnd(() => health.close());
  return { url: health.url };
}
