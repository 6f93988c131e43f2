import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { baseCatalogue, catalogue } from 'flotilla';
import { checkBroker } from '../../src/cli/commands/doctor/check-broker.js';
import * as doctor from '../../src/cli/commands/doctor/index.js';
import * as keeper from '../../src/cli/commands/keeper.js';
import * as status from '../../src/cli/commands/status/index.js';
import * as topology from '../../src/cli/commands/topology/index.js';
import { defineFleet } from '../../src/fleet/define-fleet.js';
import { registerProcess } from '../../src/observability/processes/process-registry.js';
import { chooseBroker } from '../../src/supervisor/broker/choose-broker.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { errorOf } from '../contract/broker.js';
import { runCommand } from '../support/command.js';
import { cleanUp, testBroker, type TestBroker } from '../support/rabbitmq.js';
import { tcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { eventually } from '../support/eventually.js';

const fleet = defineFleet({ catalogue: catalogue(baseCatalogue, {}), workers: [] });

describe('commands with an unreachable broker', function () {
  this.timeout(90_000);
  let real: TestBroker;
  let proxy: TcpProxy;
  let folder: string;
  let wrong: string;
  let closed: string;
  before(async () => {
    real = await testBroker();
    proxy = await tcpProxy(real.amqpUrl);
    folder = await mkdtemp(join(tmpdir(), 'flotilla-broker-'));
    wrong = Object.assign(new URL(real.amqpUrl), { password: 'hunter2' }).toString();
    closed = 'amqp://guest:hunter2@127.0.0.1:1';
  });
  after(async () => {
    await proxy.close();
    await cleanUp(real.prefix);
    await rm(folder, { recursive: true, force: true });
  });

  const run = (env: NodeJS.ProcessEnv, ...args: string[]) =>
    runCommand(
      {
        modules: [topology, keeper, doctor, status],
        fleet,
        env: {
          DATA_DIR: folder,
          FLOTILLA_PREFIX: real.prefix,
          AMQP_MANAGEMENT_URL: real.managementUrl,
          LOG_LEVEL: 'error',
          ...env,
        },
        cwd: folder,
      },
      args,
    );

  it('fail with the cause as soon as it is known', async () => {
    const { code, said } = await run({ AMQP_URL: closed }, 'topology', 'plan');
    expect(code).to.equal(1);
    expect(said).to.match(/^broker\.refused_connection: .*127\.0\.0\.1:1 \(AMQP_URL\)\. Start the broker .*\.$/);
  });

  it('print nothing of a management API that may belong to another broker', async () => {
    const { out } = await run({ AMQP_URL: closed }, 'status');
    expect(out)
      .to.match(/^Broker amqp:\/\/guest:••••@127\.0\.0\.1:1: not reachable$/m)
      .and.not.contain('RabbitMQ');
  });

  it('wait for the broker as long as BROKER_WAIT allows', async () => {
    proxy.shut();
    const applied = run({ AMQP_URL: proxy.through(real.amqpUrl), BROKER_WAIT: '1h' }, 'topology', 'apply');
    const refused = proxy.accepted;
    await eventually(async () => proxy.accepted >= refused + 4);
    proxy.open();
    expect(await applied).to.have.property('code', 0);
  });

  it('do not wait for errors that waiting cannot resolve', async () => {
    const { code, said } = await run({ AMQP_URL: wrong, BROKER_WAIT: '1h' }, 'topology', 'plan');
    expect(code).to.equal(1);
    expect(said)
      .to.match(/^broker\.refused_credentials: .*user "guest"/)
      .and.not.include('hunter2');
  });

  it('do not start a process when the broker refuses the password', async () => {
    const { code, said } = await run({ AMQP_URL: wrong }, 'keeper');
    expect(code).to.equal(1);
    expect(said).to.include('broker.refused_credentials').and.not.include('hunter2');
  });

  it('do not start a fleet when the broker refuses the password, but start one when the broker is down', async () => {
    const lines: string[] = [];
    const choose = (amqpUrl: string) =>
      chooseBroker({
        given: { amqpUrl, managementUrl: real.managementUrl },
        dataDir: folder,
        env: {},
        installer: '',
        recovery: { allowed: false, wanted: false, prove: async () => [], refill: async () => undefined },
        logger: silentLogger(),
        say: (line) => lines.push(line),
        signal: new AbortController().signal,
      });
    expect(await errorOf(choose(wrong))).to.have.property('code', 'broker.refused_credentials');
    expect(await choose([closed, real.amqpUrl].join(','))).to.have.property('kind', 'AMQP_URL');
    expect(lines).to.deep.equal([]);
    expect(await choose(closed)).to.have.property('kind', 'AMQP_URL');
    expect(lines).to.have.length(1);
    expect(lines[0])
      .to.match(/Nothing listens .*127\.0\.0\.1:1.*wait/)
      .and.not.include('hunter2');
  });

  it('doctor names the cause and its remedy, for the broker and for its management API', async () => {
    const managementUrl = Object.assign(new URL(real.managementUrl), { password: 'hunter2' }).toString();
    const { out } = await run(
      { AMQP_URL: [real.amqpUrl, closed].join(','), AMQP_MANAGEMENT_URL: managementUrl },
      'doctor',
    );
    expect(out).to.match(/^FAIL broker .*Nothing listens .*127\.0\.0\.1:1\. Start the broker .*$/m);
    expect(out).to.match(/^WARN management .*\(AMQP_MANAGEMENT_URL\): .*user "guest" is refused \(401\)/m);
    expect(out).not.to.include('hunter2');
    const derived = await run({ AMQP_URL: real.amqpUrl, AMQP_MANAGEMENT_URL: undefined }, 'doctor');
    expect(derived.out).to.match(/^.{4} management .*\(from AMQP_URL; AMQP_MANAGEMENT_URL is not set\)/m);
  });

  it('report another program on the port of the broker under one code, also at the default address', async () => {
    // like many servers, it answers only at the end of a line
    const server = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.on('data', (data) => data.includes('\n') && socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const amqpUrl = `amqp://guest:hunter2@127.0.0.1:${String((server.address() as AddressInfo).port)}`;
    try {
      const found = await checkBroker({ amqpUrl, from: 'default' });
      expect(found.ok).to.equal(false);
      expect(found.detail)
        .to.match(/: broker\.not_amqp: .*HTTP\/1\.1 400/)
        .and.not.include('hunter2');
      const { said } = await run({ AMQP_URL: amqpUrl }, 'status');
      expect(said)
        .to.match(/^broker\.not_amqp: /m)
        .and.not.include('broker.unreachable');
    } finally {
      server.close();
    }
    expect(await checkBroker({ amqpUrl, from: 'default' })).to.deep.equal({
      ok: true,
      detail: 'none runs here; `up` starts one',
    });
  });

  it('do not count the ports of a fleet that runs here as a fault', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const port = String((server.address() as AddressInfo).port);
    const env = { AMQP_URL: real.amqpUrl, PORT: port };
    expect((await run(env, 'doctor')).out).to.match(
      /^FAIL ports .*is taken; find the process with: lsof -nP -iTCP:\d+ -sTCP:LISTEN$/m,
    );
    const url = `http://127.0.0.1:${port}`;
    const forget = await registerProcess({
      dir: join(folder, 'run'),
      role: 'api',
      workers: [],
      url,
      pid: process.pid,
      startedAt: new Date().toISOString(),
    });
    expect((await run(env, 'doctor')).out).to.match(/^ok {3}ports .*in use by the fleet that runs here$/m);
    await forget();
    server.close();
  });
});
