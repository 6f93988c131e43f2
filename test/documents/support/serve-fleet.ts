import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import express from 'express';
import { createApi } from '../../../src/api/app.js';
import { serveApi } from '../../../src/api/server.js';
import { fleetDocuments } from '../../../src/documents/fleet-documents.js';
import type { Fleet } from '../../../src/fleet/define-fleet.js';
import { openSqliteStore } from '../../../src/store/sqlite/index.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import { createMetrics } from '../../../src/telemetry/metrics.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** Serves the API of a fleet with its documents below `mount`, without a broker and workers. */
export async function serveFleet(fleet: Fleet, { mount = '/', token }: { mount?: string; token?: string } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'flotilla-pages-'));
  const store = await openSqliteStore({ service: 'core', path: join(folder, 'core.db') });
  const logger = silentLogger();
  const info = { title: 'Shop', version: '1', ...fleet.api?.info };
  const app = await createApi({
    store,
    routes: fleet.api?.routes({ fulfilment: 'orchestrated' }) ?? [],
    info,
    documents: fleetDocuments(fleet, { info, prefix: '', root, logger }),
    logger,
    metrics: createMetrics(),
    ...(token !== undefined && { token }),
  });
  const server = await serveApi(express().use(mount, app), { port: 0 });
  return {
    origin: server.url,
    url: mount === '/' ? server.url : server.url + mount,
    async close() {
      await server.close(0);
      await store.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
