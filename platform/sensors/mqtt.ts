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
  });
}
