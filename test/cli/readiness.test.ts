import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect } from 'chai';
import { register as registerApi } from '../../src/cli/commands/api.js';
import { register as registerKeeper } from '../../src/cli/commands/keeper.js';
import { register as registerWorker } from '../../src/cli/commands/worker.js';
import { defineFleet } from '../../src/fleet/define-fleet.js';
import { readProcesses } from '../../src/observability/processes/process-registry.js';
import { runCommand } from '../support/command.js';
import { openFleetPlace, type FleetPlace } from '../support/fleet-place.js';
import { shop } from '../support/shop.js';
import { eventually } from '../support/eventually.js';

const fleet = defineFleet({
  catalogue: shop,
  workers: [shop.defineWorker({ name: 'tally', on: { 'job.requested': () => undefined } })],
  api: { store: 'core', routes: [] },
});

type Checks = Record<string, { ok: boolean; detail?: string }>;

describe('the readiness of a fleet', function () {
  this.timeout(180_000);
  let place: FleetPlace;
  let stop: AbortController;
  let ends: Promise<unknown>[];
  beforeEach(async () => {
    place = await openFleetPlace();
    stop = new AbortController();
    const env = { ...place.env, PORT: '0', LOG_LEVEL: 'error' };
    const modules = [{ register: registerApi }, { register: registerKeeper }, { register: registerWorker }];
    ends = [['api'], ['keeper'], ['worker', 'tally']].map((args) =>
      runCommand({ modules, fleet, env, cwd: place.folder, stop: stop.signal }, args),
    );
  });
  afterEach(async () => {
    stop.abort(new Error('the test is over'));
    await Promise.all(ends);
    await place.remove();
  });

  const readiness = async (url: string): Promise<{ status: number; checks: Checks }> => {
    const response = await fetch(`${url}/readyz`);
    return { status: response.status, checks: ((await response.json()) as { checks: Checks }).checks };
  };

  it('fails while another process holds the write lock of a store, for that store only, and recovers', async () => {
    const urls = await eventually('three processes', async () => {
      const found = new Map((await readProcesses(join(place.folder, 'run'))).map(({ role, url }) => [role, url]));
      return found.size === 3 && found;
    });
    const checkOf = { api: 'store', keeper: 'store', worker: 'store:tally' } as const;
    const stores = { api: 'core', keeper: 'ops', worker: 'tally' } as const;
    const urlOf = (role: keyof typeof stores) => urls.get(role) ?? '';
    for (const role of ['api', 'keeper', 'worker'] as const) {
      await eventually(`${role} is ready`, async () => (await readiness(urlOf(role))).status === 200);
      const other = new Database(join(place.folder, `${stores[role]}.db`));
      other.exec('BEGIN IMMEDIATE');
      const refused = await eventually(`${role} is not ready`, async () => {
        const found = await readiness(urlOf(role));
        return found.status === 503 && found;
      });
      expect(refused.checks[checkOf[role]]?.detail).to.contain('store.busy');
      expect(Object.entries(refused.checks).filter(([, { ok }]) => !ok)).to.have.length(1);
      other.exec('COMMIT');
      other.close();
      await eventually(`${role} is ready again`, async () => (await readiness(urlOf(role))).status === 200);
    }
  });
});
