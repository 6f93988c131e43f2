import { connectAsync } from 'mqtt';
import { namesFor } from '../../src/broker/topology/topology.js';
import { sleep } from '../../src/concurrency/sleep.js';
import { openSqliteStore } from '../../src/store/sqlite/index.js';
import { freePort } from '../../src/supervisor/broker/rabbitmq-node/ports.js';
import { ownNode } from '../../test/support/rabbitmq.js';
import { bareChannel, publishWindowed } from '../support/bare.js';
import type { Bench } from '../support/bench.js';
import { fleetEnvironment } from '../support/fleet.js';
import { startFlotilla } from '../support/processes.js';
import { cpuOf } from '../support/running-fleet.js';
import { sized } from '../support/size.js';
import { readingOf } from './readings.js';

const CONNECTIONS = 200;
const EACH = sized(100);
const READINGS = CONNECTIONS * EACH;
const LIMIT_MS = 120_000;
const GOAL = 5_000;

/** Readings by MQTT with QoS 1 over 200 connections, one at a time on each, while the gateway stores them: how many are
 *  acknowledged, and stored. The reference publishes the same messages by amqplib with confirms. */
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
      const publish = await openDevices(`mqtt://guest:guest@127.0.0.1:${port}`);
      const before = await cpuOf(worker.pid);
      const began = performance.now();
      await publish.all();
      const acknowledged = READINGS / ((performance.now() - began) / 1000);
      const deadline = Date.now() + LIMIT_MS;
      while ((await store.head()) < READINGS) {
        if (Date.now() > deadline) throw new Error(`the readings were not stored within ${LIMIT_MS / 1000} s`);
        await sleep(20);
      }
      const stored = READINGS / ((performance.now() - began) / 1000);
      const cpu = (((await cpuOf(worker.pid)) - before) / READINGS) * 1_000;
      await publish.close();
      const bare = await bareSpeed(amqpUrl);
      const shown = (speed: number) => `${Math.round(speed).toLocaleString('en-US')}/s`;
      return [
        {
          name: `readings by MQTT, QoS 1, ${CONNECTIONS} connections: acknowledged`,
          ours: shown(acknowledged),
          bare: `amqplib with confirms ${shown(bare)}`,
          ratio: acknowledged / bare,
        },
        {
          name: 'the same: acknowledged',
          ours: shown(acknowledged),
          bare: shown(GOAL),
          ratio: acknowledged / GOAL,
          target: 1,
        },
        {
          name: 'the same: stored by sensor-gateway',
          ours: `${shown(stored)} (worker ${cpu.toFixed(0)} µs CPU)`,
          bare: shown(GOAL),
          ratio: stored / GOAL,
          target: 1,
        },
      ];
    } finally {
      await worker.stop();
      await store.close();
    }
  } finally {
    await own.remove();
  }
};

async function openDevices(url: string) {
  const devices = await Promise.all(
    Array.from({ length: CONNECTIONS }, async (_, n) => {
      const clientId = `device-${n}`;
      const options = { clientId, protocolVersion: 4, reconnectPeriod: 0 } as const;
      return { topic: `sensors/${clientId}/readings`, client: await connectAsync(url, options, false) };
    }),
  );
  return {
    all: () =>
      Promise.all(
        devices.map(async ({ topic, client }) => {
          for (let n = 0; n < EACH; n += 1) {
            await client.publishAsync(topic, JSON.stringify(readingOf(n)), { qos: 1 });
          }
        }),
      ),
    close: () => Promise.all(devices.map(({ client }) => client.endAsync())),
  };
}

/** Into a quorum queue, as that of the gateway is, without a consumer. */
async function bareSpeed(amqpUrl: string): Promise<number> {
  const { connection, channel } = await bareChannel(amqpUrl);
  const name = 'bare';
  await channel.assertExchange(name, 'topic');
  await channel.assertQueue(name, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
  await channel.bindQueue(name, name, '#');
  const began = performance.now();
  await publishWindowed(channel, READINGS, CONNECTIONS, (n, confirmed) => {
    const body = Buffer.from(JSON.stringify(readingOf(Math.floor(n / CONNECTIONS))));
    channel.publish(name, `sensors.device-${n % CONNECTIONS}.readings`, body, { persistent: true }, confirmed);
  });
  const seconds = (performance.now() - began) / 1000;
  await connection.close();
  return READINGS / seconds;
}
