import type { MqttClient } from 'mqtt';

const CONNECT_TIMEOUT_MS = 5_000;
const RECONNECT_INTERVAL_MS = 1_000;

/** A client that connects in the background, again after every loss. The package is loaded by those who connect only. */
export async function openMqtt(url: string): Promise<MqttClient> {
  const { connect } = await import('mqtt');
  return connect(url, {
    protocolVersion: 4, // RabbitMQ before 3.13 does not answer version 5
    connectTimeout: CONNECT_TIMEOUT_MS,
    reconnectPeriod: RECONNECT_INTERVAL_MS,
    reconnectOnConnackError: true,
  });
}

/** Codes of Node.js for a certificate that it does not trust. */
const CERTIFICATE = /CERT|CA$|^UNABLE_TO_|HOSTNAME_MISMATCH/;
/** Codes of an MQTT broker that refuses a login. */
const LOGIN: ReadonlySet<unknown> = new Set([4, 5]);

/** What an administrator must correct, with a code, if connecting failed for such a reason; otherwise undefined: trying
 *  again may help. */
export function faultOf(error: Error): string | undefined {
  const { code } = error as { code?: unknown };
  if (LOGIN.has(code)) return `sensor.mqtt_login: ${error.message}; check the user and password of MQTT_URL`;
  if (typeof code !== 'string' || !CERTIFICATE.test(code)) return undefined;
  return `sensor.mqtt_certificate: ${error.message}; check MQTT_URL, and its CA in NODE_EXTRA_CA_CERTS`;
}
