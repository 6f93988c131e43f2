import type { Router } from 'express';
import { messageOf } from '../errors.js';
import { packages } from '../packages.js';
import { FaultLogs, type FaultLog } from '../telemetry/fault-log.js';
import type { Logger } from '../telemetry/logger.js';
import type { Metrics } from '../telemetry/metrics.js';

export interface CheckResult {
  ok: boolean;
  /** Included in the response, which needs no token. */
  detail?: string;
}

/** The readiness checks of the process, by name. A check that throws or takes longer than 2 s fails. */
export type Checks = Readonly<Record<string, () => CheckResult | Promise<CheckResult>>>;

const CHECK_TIMEOUT_MS = 2000;

/** Serves `/livez`: 200 while the process responds; and `/readyz`: 200 if all checks pass, otherwise 503, with the
 *  result of each check. */
export function healthRoutes(checks: Checks, logger: Logger): Router {
  const routes = packages.express.Router();
  const faults = new FaultLogs(logger);
  routes.get('/livez', (_req, res) => {
    res.json({ status: 'ok' });
  });
  routes.get('/readyz', async (_req, res) => {
    const results = await Promise.all(
      Object.entries(checks).map(async ([name, check]) => [name, await limited(name, check, faults.of(name))] as const),
    );
    const ready = results.every(([, { ok }]) => ok);
    res.status(ready ? 200 : 503).json({ status: ready ? 'ready' : 'not_ready', checks: Object.fromEntries(results) });
  });
  return routes;
}

/** Serves `/metrics` in the format of Prometheus. */
export function metricsRoute({ registry }: Pick<Metrics, 'registry'>): Router {
  const routes = packages.express.Router();
  routes.get('/metrics', async (_req, res) => {
    res.type(registry.contentType).send(await registry.metrics());
  });
  return routes;
}

async function limited(name: string, check: Checks[string], fault: FaultLog): Promise<CheckResult> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<CheckResult>((resolve) => {
    timer = setTimeout(() => {
      resolve({ ok: false, detail: 'no answer in time' });
    }, CHECK_TIMEOUT_MS);
  });
  try {
    const checking = Promise.resolve(check()).then((result) => {
      fault.recovered('health check runs again', { check: name });
      return result;
    });
    return await Promise.race([checking, late]);
  } catch (error) {
    fault.failed('health check failed', { check: name, error: messageOf(error) });
    return { ok: false, detail: 'failed' };
  } finally {
    clearTimeout(timer);
  }
}
