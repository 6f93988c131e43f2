import { defineLoad, FlotillaError, type EndedItem } from 'flotilla';
import { boundedFetch } from 'flotilla/http';
import { z } from 'zod';
import { openMqtt } from './mqtt.js';
import { MAX_READINGS } from './readings.js';
import { topicOf, topics } from './telemetry.js';

const TIMEOUT_MS = 10_000;
const MAX_RESPONSE_BYTES = 1_000_000;
const PAGE = 500;
/** A faulty sensor is out of range for this long, then in range for as long. */
const PHASE_MS = 70_000;
const DEFAULT_MQTT = 'mqtt://guest:guest@127.0.0.1:1883';

const sensorPage = z.object({
  items: z.array(z.object({ id: z.string(), values: z.array(z.object({ time: z.iso.datetime() })) })),
});

interface Sent {
  sensor: string;
  at: number;
}

type Send = (sensor: string, readings: object[]) => Promise<void>;

/** Sends reports of readings and waits until the worker of alerts has handled them. */
export const sensorsLoad = defineLoad({
  description:
    'reports of readings; done: handled by the worker of alerts, at most a quarter of a second before it is counted',
  options: z.object({
    sensors: z.coerce.number().int().min(1).max(PAGE).default(20).describe('how many sensors'),
    faulty: z.coerce.number().min(0).max(1).default(0).describe('the share of sensors that leave their range'),
    batch: z.coerce.number().int().min(1).max(MAX_READINGS).default(1).describe('how many readings in a report'),
    mqtt: z
      .union([z.literal(''), z.url({ protocol: /^mqtts?$/ })])
      .optional()
      .describe(`by MQTT; without a URL: ${DEFAULT_MQTT}`),
  }),
  async start({ sensors, faulty, batch, mqtt }, { api, token }) {
    const headers = {
      'content-type': 'application/json',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    };
    const request = async (path: string, readings?: object[]): Promise<string> => {
      const { status, text } = await boundedFetch(`${api}${path}`, {
        ...{ headers, timeout: TIMEOUT_MS, maxBytes: MAX_RESPONSE_BYTES },
        ...(readings !== undefined && { method: 'POST', body: JSON.stringify(readings) }),
      });
      if (status < 200 || status > 299) throw new Error(`${path}: ${status} ${text.slice(0, 200)}`);
      return text;
    };
    await request('/sensors?limit=1');
    const device = mqtt === undefined ? undefined : await openDevice(mqtt === '' ? DEFAULT_MQTT : mqtt);
    const send: Send =
      device?.send ?? (async (sensor, readings) => void (await request(`/sensors/${sensor}/readings`, readings)));
    const open = new Map<string, Sent>();
    const started = Date.now();
    let count = 0;
    return {
      async send() {
        const number = (count += 1) % sensors;
        const [sensor, at, id] = [`sim-${number}`, Date.now(), String(count)];
        const isOut = number < sensors * faulty && Math.floor((at - started) / PHASE_MS) % 2 === 0;
        const value = Math.round((isOut ? 40 : 22) * 10 + (count % 10)) / 10;
        await send(sensor, readingsUntil(at, batch, { value, seq: count * batch }));
        open.set(id, { sensor, at });
        return id;
      },
      async ended(ids) {
        const { items } = sensorPage.parse(JSON.parse(await request(`/sensors?limit=${PAGE}`)));
        const handled = new Map(
          items.map(({ id, values }) => [id, Math.max(...values.map(({ time }) => Date.parse(time)))]),
        );
        const now = Date.now();
        return ids.flatMap((id): EndedItem[] => {
          const sent = open.get(id);
          if (sent === undefined || sent.at > (handled.get(sent.sensor) ?? 0)) return [];
          open.delete(id);
          return [{ id, outcome: 'done', milliseconds: now - sent.at }];
        });
      },
      close: async () => device?.close(),
    };
  },
});

/** Readings of this many milliseconds, the last of them now. */
function readingsUntil(now: number, size: number, { value, seq }: { value: number; seq: number }): object[] {
  return Array.from({ length: size }, (_, n) => {
    return { type: 'temperature', value, time: new Date(now - size + 1 + n).toISOString(), seq: seq + n };
  });
}

/** One connection for all sensors, as a user of the broker that may publish for each. */
async function openDevice(url: string): Promise<{ send: Send; close: () => Promise<void> }> {
  const client = await openMqtt(url);
  await new Promise<void>((resolve, reject) => {
    client.once('connect', () => resolve());
    client.once('error', (error) => {
      client.end(true);
      const detail = `MQTT at ${new URL(url).host}: ${error.message || 'not reachable'}`;
      reject(
        new FlotillaError('config.invalid', `${detail}; set MQTT_PORT for \`up\`, and name the broker: --mqtt <url>`),
      );
    });
  });
  client.on('error', () => undefined); // it connects again, and what is not acknowledged is refused
  return {
    send: async (sensor, readings) =>
      void (await client.publishAsync(topicOf(topics.readings, sensor), JSON.stringify(readings), { qos: 1 })),
    close: () => client.endAsync(true),
  };
}
