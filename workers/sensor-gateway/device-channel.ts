import type { Logger } from 'flotilla';
import type { Data } from '#platform/catalogue.js';
import { faultOf, openMqtt } from '#platform/sensors/mqtt.js';
import { topicOf, topics } from '#platform/sensors/telemetry.js';

/** Publishes to devices. */
export interface DeviceChannel {
  /** Whether MQTT is configured. */
  readonly isOpen: boolean;
  /** Why it cannot connect until its configuration is corrected. */
  readonly fault: () => string | undefined;
  /** Resolves when the broker has the alert, which it also sends to a device that subscribes later. */
  readonly publishAlert: (alert: Data<'sensor.alert'>, signal: AbortSignal) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Connects in the background, again after every loss. Without a URL nothing is published. */
export async function openDeviceChannel(url: string | undefined, log: Logger): Promise<DeviceChannel> {
  const client = url === undefined ? undefined : await openMqtt(url);
  // it tries again every second: each cause is reported once
  let reported: string | undefined;
  let fault: string | undefined;
  client?.on('error', (error) => {
    fault = faultOf(error);
    if (error.message !== reported) {
      if (fault === undefined) log.warn(`MQTT: ${error.message}`);
      else log.error(`MQTT: ${fault}`);
    }
    reported = error.message;
  });
  client?.on('connect', () => {
    if (reported !== undefined) log.info('MQTT: connected');
    reported = undefined;
    fault = undefined;
  });
  return {
    isOpen: client !== undefined,
    fault: () => fault,
    async publishAlert(alert, signal) {
      if (client === undefined) return;
      // not an unavailable dependency: the circuit breaker would keep readings waiting, too
      if (fault !== undefined) throw new Error(fault);
      if (!client.connected) throw Object.assign(new Error('not connected by MQTT'), { code: 'ECONNREFUSED' });
      const topic = topicOf(topics.alerts, alert.sensor);
      const published = client.publishAsync(topic, JSON.stringify(alert), { qos: 1, retain: true });
      await Promise.race([published, rejection(signal)]);
    },
    close: async () => void (await client?.endAsync(true)),
  };
}

function rejection(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(errorOf(signal)), { once: true });
  });
}

function errorOf({ reason }: AbortSignal): Error {
  return reason instanceof Error ? reason : new Error('aborted');
}
