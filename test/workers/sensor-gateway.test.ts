import { execFile, fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt';
import fleet from '../../config/fleet.js';
import { createRabbitBroker } from '../../src/broker/rabbitmq/broker.js';
import { createManagement } from '../../src/broker/rabbitmq/management/management.js';
import { HEADERS, textHeader } from '../../src/broker/messages/headers.js';
import { namesFor } from '../../src/broker/topology/topology.js';
import { register } from '../../src/cli/commands/devices/index.js';
import { checkMqtt } from '../../src/cli/commands/doctor/check-mqtt.js';
import { openSqliteStore } from '../../src/store/sqlite/index.js';
import type { Store } from '../../src/store/store.js';
import { freePort } from '../../src/supervisor/broker/rabbitmq-node/ports.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { contextFor, runCommand } from '../support/command.js';
import { eventually } from '../support/eventually.js';
import { inbox } from '../support/inbox.js';
import { ownNode, type OwnNode } from '../support/rabbitmq.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const program = join(root, 'src/cli/main.ts');
const names = namesFor('');
const MISSING = 'not installed, and therefore not tested by MQTT over TLS: openssl';

/** Makes a certificate for 127.0.0.1 that is its own CA, with a key. Undefined: this machine has no openssl. */
async function makeCertificate(folder: string) {
  const [certificate, key] = [join(folder, 'ca.pem'), join(folder, 'key.pem')];
  const names = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const args = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...names];
  try {
    await promisify(execFile)('openssl', [...args, '-keyout', key, '-out', certificate]);
    return { certificate, key };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
const at = (second: number) => new Date(Date.UTC(2026, 10, 29, 10, 0, second)).toISOString();
const reading = (value: number, second = value) => JSON.stringify({ type: 'temperature', value, time: at(second) });

describe('worker sensor-gateway, by MQTT', function () {
  this.timeout(120_000);
  let own: OwnNode;
  let folder: string;
  let store: Store;
  let env: NodeJS.ProcessEnv;
  let port: number;
  let tls: { port: number; certificate: string; key: string } | undefined;
  const clients: MqttClient[] = [];
  const passwords = new Map<string, string>();
  let workers: ChildProcess | undefined;
  const letters = inbox<string>();
  let close: () => Promise<void> = () => Promise.resolve();

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'flotilla-mqtt-'));
    port = await freePort(undefined, new Set());
    const files = await makeCertificate(folder);
    tls = files && { port: await freePort(undefined, new Set([port])), ...files };
    own = await ownNode({ mqtt: { host: '127.0.0.1', port, exchange: names.telemetry, ...(tls && { tls }) } });
    const { amqpUrl, managementUrl } = own.node;
    env = {
      PATH: process.env.PATH,
      AMQP_URL: amqpUrl,
      AMQP_MANAGEMENT_URL: managementUrl,
      DATA_DIR: folder,
      WITH: 'sensors',
      LOG_LEVEL: 'error',
    };
    store = await openSqliteStore({ service: 'core', path: join(folder, 'core.db') });
    for (const device of ['dev-1', 'dev-2', 'dev-3', 'dev-4', 'dev-5']) await add(device);
  });
  after(async () => {
    for (const client of clients) await client.endAsync(true);
    await stop();
    await store.close();
    await own.remove();
    await rm(folder, { recursive: true, force: true });
  });

  const devices = (...args: string[]) =>
    runCommand({ modules: [{ register }], fleet, env, cwd: folder }, ['devices', ...args]);

  async function add(device: string): Promise<void> {
    const { code, out, said } = await devices('add', device, '--json');
    expect(code, said).to.equal(0);
    passwords.set(device, (JSON.parse(out) as { password: string }).password);
  }

  async function connect(
    device: string,
    options: IClientOptions = {},
    url = `mqtt://127.0.0.1:${port}`,
  ): Promise<MqttClient> {
    const password = passwords.get(device) ?? '';
    const login = { username: device, password, clientId: device, protocolVersion: 4, reconnectPeriod: 0 } as const;
    const client = await connectAsync(url, { ...login, ...options }, false);
    client.on('error', () => undefined); // the broker closes the connection of an offender
    clients.push(client);
    return client;
  }

  /** Starts workers in a process of their own. Resolves when they are ready, or have ended. */
  async function startProcess(
    names: readonly string[],
    more: NodeJS.ProcessEnv,
    log: 'inherit' | 'ignore' = 'inherit',
  ): Promise<ChildProcess> {
    const child = fork(program, ['worker', ...names], {
      cwd: root,
      env: { ...env, ...more },
      stdio: ['ignore', 'ignore', log, 'ipc'],
    });
    await Promise.race([once(child, 'message'), once(child, 'exit')]);
    return child;
  }

  async function end(child: ChildProcess): Promise<void> {
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  }

  /** The values of each stored report. */
  const reportsOf = async (sensor: string) => {
    const events = (await store.read(`sensor/${sensor}`)).map(({ event }) => event);
    return events
      .filter(({ type }) => type === 'sensor.reading')
      .map(({ data }) => (data as { readings: { value: number }[] }).readings.map(({ value }) => value));
  };
  const valuesOf = async (sensor: string) => (await reportsOf(sensor)).flat();

  /** Starts the workers, and reads their dead letters. They publish to devices over TLS, with the CA of the certificate. */
  async function start(): Promise<void> {
    const { amqpUrl } = own.node;
    const [scheme, to] = tls === undefined ? ['mqtt', port] : ['mqtts', tls.port];
    workers = await startProcess(['sensor-gateway', 'sensor-alerts'], {
      MQTT_URL: `${scheme}://guest:guest@127.0.0.1:${to}`,
      ...(tls !== undefined && { NODE_EXTRA_CA_CERTS: tls.certificate }),
    });
    const broker = createRabbitBroker({ url: amqpUrl, connectionName: 'test', logger: silentLogger() });
    broker.consume(names.dead('sensor-gateway'), {
      prefetch: 10,
      onDelivery(delivery) {
        letters.put(textHeader(delivery.properties.headers, HEADERS.errorCode) ?? '');
        delivery.ack();
      },
    });
    close = () => broker.close();
  }

  async function stop(): Promise<void> {
    await close();
    if (workers !== undefined) await end(workers);
    workers = undefined;
  }

  it('stores what the broker acknowledged, once, if the gateway is killed between commit and ack', async () => {
    // it ends, as after kill -9, when it has committed some messages and acknowledged none of them
    const mortal = await startProcess(['sensor-gateway'], { FLOTILLA_FAILPOINT: 'worker.committed:5' });
    const ended = once(mortal, 'exit');
    const device = await connect('dev-1');
    const values = Array.from({ length: 60 }, (_, value) => value);
    await Promise.all(values.map((value) => device.publishAsync('sensors/dev-1/readings', reading(value), { qos: 1 })));
    const several = `[${reading(60)},${reading(61)}]`;
    await device.publishAsync('sensors/dev-1/readings', several, { qos: 1 });
    // a device that received no acknowledgement sends it again
    await device.publishAsync('sensors/dev-1/readings', reading(7), { qos: 1 });
    await device.publishAsync('sensors/dev-1/readings', several, { qos: 1 });
    await device.publishAsync('sensors/dev-1/readings', `[${several.slice(1, -1)},${reading(61)}]`, { qos: 1 });
    await ended;
    expect(await valuesOf('dev-1')).not.to.have.length(0);
    await start();
    await eventually('every reading is stored, and the queue is empty', async () => {
      const [queue] = await createManagement({ url: own.node.managementUrl }).queues(names.queue('sensor-gateway'));
      return (await reportsOf('dev-1')).length > values.length && queue?.messages === 0;
    });
    const reports = (await reportsOf('dev-1')).sort(([a = 0], [b = 0]) => a - b);
    expect(reports).to.deep.equal([...values.map((value) => [value]), [60, 61]]);
  });

  it('stores what a device publishes over TLS, and accepts no certificate of an unknown CA', async function () {
    if (tls === undefined) {
      console.log(`    ${MISSING}`);
      return this.skip();
    }
    const url = `mqtts://127.0.0.1:${tls.port}`;
    const unknown = await connect('dev-1', {}, url).catch((error: unknown) => error);
    expect(unknown)
      .to.have.property('code')
      .that.is.oneOf(['DEPTH_ZERO_SELF_SIGNED_CERT', 'SELF_SIGNED_CERT_IN_CHAIN']);
    const device = await connect('dev-1', { ca: await readFile(tls.certificate) }, url);
    await device.publishAsync('sensors/dev-1/readings', reading(-1, 1_000), { qos: 1 });
    await eventually('the reading is stored', async () => (await valuesOf('dev-1')).includes(-1));
  });

  it('accepts no anonymous device, and no wrong password', async () => {
    for (const login of [{ username: '', password: '' }, { password: 'wrong' }]) {
      const refused = await connect('dev-2', login).then(
        () => 'connected',
        () => 'refused',
      );
      expect(refused).to.equal('refused');
    }
  });

  it('refuses the topics of other devices, other topics and deeper ones', async () => {
    for (const topic of [
      'sensors/dev-1/readings',
      'order/created',
      'sensors/dev-2/readings/deep',
      'sensors/dev-2.x/readings',
      'sensors/dev-2/alerts',
    ]) {
      const device = await connect('dev-2');
      const closed = new Promise<void>((resolve) => device.once('close', () => resolve()));
      device.publish(topic, reading(99), { qos: 1 });
      await closed;
    }
    const device = await connect('dev-2');
    await device.publishAsync('sensors/dev-2/readings', reading(20), { qos: 1 });
    await eventually('its own reading is stored', async () => (await valuesOf('dev-2')).length > 0);
    expect(await valuesOf('dev-2')).to.deep.equal([20]);
    expect(await valuesOf('dev-1')).not.to.include(99);
    expect(letters.waiting).to.equal(0);
    const management = createManagement({ url: own.node.managementUrl });
    const waiting = (await management.queues()).filter(({ name, ready }) => ready > 0 && name !== names.log);
    expect(waiting.map(({ name }) => name).filter((name) => name.includes('unrouted'))).to.deep.equal([]);
  });

  it('dead-letters what is no reading, with a code', async () => {
    const device = await connect('dev-3');
    const bad: [topic: string, body: string, code: string][] = [
      ['readings', 'hello', 'contract.not_json'],
      ['readings', '{"type":"temperature","value":NaN}', 'contract.not_json'],
      ['readings', '{"type":"noise","value":1}', 'sensor.invalid_reading'],
      ['readings', '{"type":"temperature","value":"21"}', 'sensor.invalid_reading'],
      ['readings', '{"type":"temperature","value":21}', 'sensor.no_time'],
      ['readings', `{"type":"temperature","value":21,"time":"2126-01-01T00:00:00Z"}`, 'sensor.time_ahead'],
      ['readings', JSON.stringify(Array(501).fill(JSON.parse(reading(1)))), 'sensor.invalid_reading'],
      ['status', 'broken', 'sensor.invalid_status'],
    ];
    for (const [topic, body, code] of bad) {
      await device.publishAsync(`sensors/dev-3/${topic}`, body, { qos: 1 });
      expect(await letters.next(), body.slice(0, 80)).to.equal(code);
    }
    expect(await reportsOf('dev-3')).to.deep.equal([]);
  });

  it('reports a device whose connection ends as offline, by its last will', async () => {
    const will = { topic: 'sensors/dev-4/status', payload: Buffer.from('offline'), qos: 1, retain: false } as const;
    const device = await connect('dev-4', { will });
    await device.publishAsync('sensors/dev-4/readings', reading(20), { qos: 1 });
    await eventually('the reading is stored', async () => (await valuesOf('dev-4')).length > 0);
    device.stream.destroy();
    await eventually('it is offline', async () => {
      const events = await store.read('sensor/dev-4');
      return events.some(({ event }) => event.type === 'sensor.offline');
    });
  });

  it('publishes an alert to the device', async () => {
    const device = await connect('dev-5');
    const received = new Promise<[string, Buffer]>((resolve) => {
      device.once('message', (topic, body) => resolve([topic, body]));
    });
    await device.subscribeAsync('sensors/dev-5/alerts', { qos: 1 });
    await device.publishAsync('sensors/dev-5/readings', reading(40), { qos: 1 });
    const [topic, body] = await received;
    expect(topic).to.equal('sensors/dev-5/alerts');
    expect(JSON.parse(body.toString())).to.include({ state: 'raised', severity: 'high', value: 40 });
  });

  it('shows doctor the exchange of the broker by a device that subscribes', async () => {
    const device = await connect('dev-3');
    await device.subscribeAsync('sensors/dev-3/alerts', { qos: 1 });
    const found = async (prefix: string) => {
      const options = { fleet, env: { ...env, FLOTILLA_PREFIX: prefix }, cwd: folder };
      const silent = () => undefined;
      const findings = await checkMqtt(contextFor(options, { print: silent, say: silent }));
      return findings.map(({ detail }) => detail).join('\n');
    };
    expect(await found('')).not.to.include('mqtt.exchange');
    expect(await found('other.')).to.include('devices use the exchange telemetry: set mqtt.exchange = other.telemetry');
  });

  it('replaces no user that is not a device, and lists and removes devices', async () => {
    const refused = await devices('add', 'guest');
    expect(refused.code).not.to.equal(0);
    expect(refused.said).to.include('name.invalid');
    expect((await devices('list')).out)
      .to.include('dev-5')
      .and.not.include('guest');
    expect((await devices('add', 'a.b')).code).to.equal(2);
    expect((await devices('remove', 'dev-5')).code).to.equal(0);
    expect((await devices('remove', 'dev-5')).said).to.include('name.unknown');
  });

  it('stores readings while it does not trust the broker for alerts, and is not ready, with a code', async function () {
    if (tls === undefined) {
      console.log(`    ${MISSING}`);
      return this.skip();
    }
    const connected = [await connect('dev-3'), await connect('dev-4')] as const;
    await stop();
    const health = await freePort(undefined, new Set([port, tls.port]));
    const distrusting = await startProcess(
      ['sensor-gateway', 'sensor-alerts'],
      { MQTT_URL: `mqtts://guest:guest@127.0.0.1:${tls.port}`, HEALTH_PORT: String(health) },
      'ignore',
    );
    try {
      const answered = async (path: string) => (await fetch(`http://127.0.0.1:${health}${path}`)).text();
      const gateway = async () => {
        const { checks } = JSON.parse(await answered('/readyz')) as {
          checks: Record<string, { ok: boolean; detail: string }>;
        };
        return checks['sensor-gateway'];
      };
      const fault = await eventually('the fault is reported', async () => {
        const found = await gateway();
        return found?.ok === false && found.detail;
      });
      expect(fault).to.include('sensor.mqtt_certificate: ');
      // six alerts: five of them would open the circuit breaker if the broker counted as unavailable
      const outside = Object.entries({ temperature: 40, humidity: 95, pressure: 900 });
      const body = JSON.stringify(outside.map(([type, value]) => ({ type, value, time: at(100) })));
      await connected[0].publishAsync('sensors/dev-3/readings', body, { qos: 1 });
      await connected[1].publishAsync('sensors/dev-4/readings', body, { qos: 1 });
      await eventually('the alerts fail', async () => {
        const retried = /^flotilla_messages_total\{worker="sensor-gateway",outcome="retried"\} (\d+)/m;
        return Number(retried.exec(await answered('/metrics'))?.[1] ?? 0) >= 5;
      });
      expect((await gateway())?.detail).to.include('circuit breaker closed');
      await connected[1].publishAsync('sensors/dev-4/readings', reading(21, 200), { qos: 1 });
      await eventually('the reading is stored', async () => (await valuesOf('dev-4')).includes(21));
    } finally {
      await end(distrusting);
    }
  });
});
