import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fleet from '../../config/fleet.js';
import * as up from '../../src/cli/commands/up.js';
import * as worker from '../../src/cli/commands/worker.js';
import { loadConfig } from '../../src/config/load-config.js';
import { enabledWorkers } from '../../src/runtime/fleet/enabled-workers.js';
import { planProcesses } from '../../src/supervisor/plan.js';
import { runCommand } from '../support/command.js';

const SENSORS = ['sensor-alerts', 'sensor-analytics', 'sensor-gateway'];
const IGNORED = 'MQTT_PORT is ignored: no worker that runs receives messages of devices; see --with.';

describe('optional parts of a fleet', () => {
  let folder: string;
  let taken: Server;
  let env: NodeJS.ProcessEnv;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'flotilla-parts-'));
    // `up` ends before it starts anything
    taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const address = taken.address();
    const port = typeof address === 'object' && address !== null ? String(address.port) : '';
    env = { PATH: process.env.PATH, DATA_DIR: folder, PORT: port };
  });
  after(async () => {
    taken.close();
    await rm(folder, { recursive: true, force: true });
  });

  const run = (more: NodeJS.ProcessEnv, ...args: string[]) =>
    runCommand({ modules: [up, worker], fleet, env: { ...env, ...more }, cwd: folder }, args);

  const processesWith = (variables: NodeJS.ProcessEnv) => {
    const workers = enabledWorkers(fleet, loadConfig(variables)).map(({ name }) => name);
    return planProcesses({ workers, hasApi: true, hasSandbox: true, scale: {} }).map(({ name }) => name);
  };

  it('have processes only where WITH names them', () => {
    const without = processesWith({});
    expect(without).to.include('payment').and.not.include.members(SENSORS);
    expect(without.filter((name) => name.startsWith('sensor'))).to.deep.equal([]);
    expect(processesWith({ WITH: ' sensors ,' })).to.have.members([...without, ...SENSORS]);
    // WORKERS is exact
    expect(processesWith({ WORKERS: 'payment', WITH: 'sensors' })).to.deep.equal([
      'sandbox',
      'keeper',
      'payment',
      'api',
    ]);
  });

  it('are named by an error if unknown, in the option and in the variable', async () => {
    for (const [more, args] of [
      [{}, ['up', '--with', 'sensros']],
      [{ WITH: 'sensros' }, ['up']],
      [{ WITH: 'sensros' }, ['worker', 'payment']],
    ] as const) {
      const { code, said } = await run(more, ...args);
      expect(code, said).to.equal(2);
      expect(said).to.contain(
        'there is no optional part "sensros"; did you mean sensors? Known optional parts: sensors',
      );
      expect(said.match(/sensros/g), said).to.have.length(1);
    }
  });

  it('must be on for a worker of theirs', async () => {
    const { code, said } = await run({}, 'worker', 'sensor-alerts');
    expect(code, said).to.equal(2);
    expect(said).to.contain('sensor-alerts is of the optional part sensors; set WITH=sensors');
  });

  it('have MQTT if one of their workers receives messages of devices, otherwise it is off', async () => {
    const off = await run({ MQTT_PORT: '1883' }, 'up');
    expect(off.said)
      .to.contain(IGNORED)
      .and.contain(`PORT: port ${env.PORT ?? ''} of 127.0.0.1 is taken`);
    const on = await run({ MQTT_PORT: '1883' }, 'up', '--with', 'sensors');
    expect(on.said).not.to.contain(IGNORED);
    expect(on.said).to.contain('is taken');
  });
});
