import { connectAsync } from 'mqtt';
import { namesFor } from '../../src/broker/topology/topology.js';
import { sleep } from '../../src/concurrency/sleep.js';
import { openSqliteStore } from '../../src/store/sqlite/index.js';
import type { Store } from '../../src/store/store.js';
import { freePort } from '../../src/supervisor/broker/rabbitmq-node/ports.js';
import { ownNode } from '../../test/support/rabbitmq.js';
import type { Bench } from '../support/bench.js';
import { fleetEnvironment } from '../support/fleet.js';
import { startFlotilla } from '../support/processes.js';
import { brokerPid, cpuOf } from '../support/running-fleet.js';
import { sized } from '../support/size.js';
import type { Row } from '../support/table.js';
import { readingsFrom } from './readings.js';

const CONNECTIONS = 200;
const MESSAGES_EACH = sized(100);
const MESSAGES = CONNECTIONS * MESSAGES_EACH;
const LIMIT_MS = 120_000;
const GOAL = 5_000;

/** Messages of devices with QoS 1 over 200 connections, one at a time on each, while the gateway stores them: how many
 *  readings are acknowledged, and stored. The reference is acknowledged while no gateway runs. */
export const mqtt: Bench = async (context) => {
  const names = namesFor(context.prefix);
  const port = await freePort(undefined, new Set());
  const own = await ownNode({ mqtt: { host: '127.0.0.1', port, exchange: names.telemetry } });
  try {
    const { amqpUrl, managementUrl } = own.node;
    const folder = `${context.folder}/mqtt`;
    const env = { ...fleetEnvironment({ ...context, amqpUrl, managementUrl, folder }), WITH: 'sensors' };
    const worker = await startFlotilla(['worker', 'sensor-gateway'], {
      ...{ ...env, WORKERS: 'sensor-gateway', UNROUTED_MAX: '1' },
    });
    const store = await openSqliteStore({ service: 'core', path: `${folder}/core.db` });
    try {
      const pids = { gateway: worker.pid, broker: await brokerPid(managementUrl), client: process.pid };
      const devices = await openDevices(`mqtt://guest:guest@127.0.0.1:${port}`);
      const single = await measure(devices, store, pids, 1);
      const several = await measure(devices, store, pids, 10);
      await worker.stop();
      const began = performance.now();
      await devices.publish(1);
      const bare = MESSAGES / ((performance.now() - began) / 1000);
      await devices.close();
      return [...rowsOf(single, bare), ...rowsOf(several)];
    } finally {
      await worker.stop();
      await store.close();
    }
  } finally {
    await own.remove();
  }
};

interface Measured {
  /** Readings of a message. */
  size: number;
  /** Readings per second. */
  acknowledged: number;
  stored: number;
  /** Microseconds of CPU per reading, by process. */
  cpu: Record<Process, number>;
}

type Process = 'gateway' | 'broker' | 'client';
type Pids = Readonly<Record<Process, number>>;

async function measure(devices: Devices, store: Store, pids: Pids, size: number): Promise<Measured> {
  const readings = MESSAGES * size;
  const target = (await store.head()) + MESSAGES;
  const before = await cpuOfAll(pids);
  const began = performance.now();
  const perSecond = () => readings / ((performance.now() - began) / 1000);
  await devices.publish(size);
  const acknowledged = perSecond();
  const deadline = Date.now() + LIMIT_MS;
  while ((await store.head()) < target) {
    if (Date.now() > deadline) throw new Error(`the readings were not stored within ${LIMIT_MS / 1000} s`);
    await sleep(20);
  }
  const stored = perSecond();
  const after = await cpuOfAll(pids);
  const used = (process: Process) => ((after[process] - before[process]) / readings) * 1_000;
  return {
    size,
    acknowledged,
    stored,
    cpu: { gateway: used('gateway'), broker: used('broker'), client: used('client') },
  };
}

async function cpuOfAll({ gateway, broker, client }: Pids): Promise<Record<Process, number>> {
  return { gateway: await cpuOf(gateway), broker: await cpuOf(broker), client: await cpuOf(client) };
}

function rowsOf({ size, acknowledged, stored, cpu }: Measured, bare?: number): Row[] {
  const shown = (speed: number) => `${Math.round(speed).toLocaleString('en-US')}/s`;
  const [gateway, broker, client] = [cpu.gateway, cpu.broker, cpu.client].map((time) => `${time.toFixed(0)} µs`);
  const name = `MQTT, QoS 1, ${CONNECTIONS} connections, readings in messages of ${size}`;
  return [
    {
      name: `${name}: acknowledged`,
      ours: `${shown(acknowledged)} (CPU: RabbitMQ ${broker}, client ${client})`,
      bare: shown(GOAL),
      ratio: acknowledged / GOAL,
      target: 1,
    },
    ...(bare === undefined
      ? []
      : [
          {
            name: 'the same: acknowledged',
            ours: shown(acknowledged),
            bare: `without the gateway ${shown(bare)}`,
            ratio: acknowledged / bare,
          },
        ]),
    {
      name: 'the same: stored by sensor-gateway',
      ours: `${shown(stored)} (worker ${gateway} CPU)`,
      bare: shown(GOAL),
      ratio: stored / GOAL,
      target: 1,
    },
  ];
}

type Devices = Awaited<ReturnType<typeof openDevices>>;

async function openDevices(url: string) {
  const devices = await Promise.all(
    Array.from({ length: CONNECTIONS }, async (_, n) => {
      const clientId = `device-${n}`;
      const options = { clientId, protocolVersion: 4, reconnectPeriod: 0 } as const;
      return { topic: `sensors/${clientId}/readings`, client: await connectAsync(url, options, false) };
    }),
  );
  let sent = 0;
  return {
    /** Publishes messages of as many readings. Resolves when they are acknowledged. */
    async publish(size: number) {
      const first = sent;
      sent += MESSAGES_EACH * size;
      await Promise.all(
        devices.map(async ({ topic, client }) => {
          for (let n = first; n < sent; n += size) await client.publishAsync(topic, readingsFrom(n, size), { qos: 1 });
        }),
      );
    },
    close: () => Promise.all(devices.map(({ client }) => client.endAsync())),
  };
}
