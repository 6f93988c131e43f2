import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import * as api from '../../src/cli/commands/api.js';
import { operatorPlace } from '../../src/cli/shared/session.js';
import { operatorAddress } from '../../src/runtime/operator/operator-broker.js';
import { createContext } from '../../src/cli/shared/context.js';
import * as dead from '../../src/cli/commands/dead/index.js';
import * as keeper from '../../src/cli/commands/keeper.js';
import * as replay from '../../src/cli/commands/replay/index.js';
import * as retrying from '../../src/cli/commands/retrying.js';
import * as status from '../../src/cli/commands/status/index.js';
import * as topology from '../../src/cli/commands/topology/index.js';
import * as unrouted from '../../src/cli/commands/unrouted.js';
import * as worker from '../../src/cli/commands/worker.js';
import { defineFleet } from '../../src/fleet/define-fleet.js';
import { openSqliteStore } from '../../src/store/sqlite/index.js';
import { writeFleetState } from '../../src/supervisor/fleet-state.js';
import { startOf } from '../../src/supervisor/process-identity.js';
import { runCommand } from '../support/command.js';
import { shop } from '../support/shop.js';

const fleet = defineFleet({
  catalogue: shop,
  workers: [shop.defineWorker({ name: 'jobs', on: { 'job.requested': () => undefined } })],
  api: { store: 'core', routes: [] },
});
const modules = [api, worker, keeper, status, topology, dead, retrying, unrouted, replay];

describe('commands without a configured broker', () => {
  let folder: string;
  let dataDir: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'flotilla-broker-'));
    dataDir = join(folder, 'data');
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  // A command that starts to connect ends there, because another broker may run on the default port.
  const run = (...args: string[]) =>
    runCommand({ modules, fleet, env: { DATA_DIR: dataDir }, cwd: folder, stop: AbortSignal.abort() }, args);
  const makeOps = async () => {
    await (await openSqliteStore({ service: 'ops', path: join(dataDir, 'ops.db') })).close();
  };

  for (const args of [
    ['topology', 'apply'],
    ['dead', 'collect'],
    ['dead', 'replay', '--all'],
    ['dead', 'edit', 'abc', '--set', 'data.n=1'],
    ['retrying', 'now'],
    ['unrouted', 'replay'],
    ['replay', '--to', 'jobs'],
  ]) {
    it(`refuse to write: ${args.join(' ')}`, async () => {
      await makeOps();
      const { code, said, out } = await run(...args);
      expect(said)
        .to.match(/^broker\.not_configured: [^\n]*$/)
        .and.contain(`AMQP_URL is not set, and no fleet runs in ${dataDir}`);
      expect({ code, out }).to.deep.equal({ code: 2, out: '' });
    });
  }

  for (const args of [['worker', 'jobs'], ['api'], ['keeper']]) {
    it(`refuse to start a process: ${args.join(' ')}`, async () => {
      const { code, said } = await run(...args);
      expect(said).to.match(/^broker\.not_configured: .*Set AMQP_URL/);
      expect(code).to.equal(2);
      expect(existsSync(dataDir)).to.equal(false);
    });
  }

  for (const args of [
    ['status'],
    ['topology', 'plan'],
    ['dead', 'list'],
    ['dead', 'replay', '--all', '--dry-run'],
    ['retrying', 'list'],
    ['unrouted', 'list'],
    ['replay', '--to', 'jobs', '--dry-run'],
  ]) {
    it(`print the broker that they read from: ${args.join(' ')}`, async () => {
      await makeOps();
      const { said } = await run(...args);
      expect(said).to.contain(
        `Reading from amqp://guest:••••@127.0.0.1:5672: AMQP_URL is not set, and no fleet runs in ${dataDir}.\n`,
      );
    });
  }

  it('change the store "ops" without a broker: dead discard', async () => {
    await makeOps();
    const { code, out, said } = await run('dead', 'discard', '--all', '--reason', 'noise');
    expect({ code, out }).to.deep.equal({ code: 0, out: 'Discarded 0.\n' });
    expect(said).to.contain('No broker is configured');
  });

  it('use the broker of AMQP_URL or of the running fleet in the data directory, and print no address', async () => {
    const never = new AbortController().signal;
    let said = '';
    const contextOf = (env: NodeJS.ProcessEnv) =>
      createContext({
        env: { DATA_DIR: dataDir, ...env },
        cwd: folder,
        program: '',
        version: '0.0.0',
        packageRoot: '',
        signals: { stop: never, force: never },
        stdin: {},
        stdout: { write: () => undefined },
        stderr: { write: (text) => (said += text) },
      });
    await writeFleetState(dataDir, {
      pid: process.pid,
      startedAt: (await startOf(process.pid)) ?? '',
      amqpUrl: 'amqp://127.0.0.1:40001',
      managementUrl: 'http://127.0.0.1:40002',
      processes: [],
    });
    for (const access of ['read', 'write'] as const) {
      expect(await operatorAddress(operatorPlace(contextOf({})), access)).to.include({
        amqpUrl: 'amqp://127.0.0.1:40001',
      });
      expect(await operatorAddress(operatorPlace(contextOf({ AMQP_URL: 'amqp://there' })), access)).to.include({
        amqpUrl: 'amqp://there',
      });
    }
    expect(said).to.equal('');
  });
});
