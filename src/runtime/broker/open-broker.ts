import type { Config } from '../../config/load-config.js';
import type { Broker } from '../../broker/broker.js';
import { createRabbitBroker, type RabbitBrokerOptions } from '../../broker/rabbitmq/broker.js';
import { parseFleetKeys, type FleetKeys } from '../../broker/signing/fleet-keys.js';
import { signedBroker } from '../../broker/signing/signed-broker.js';
import { namesFor } from '../../broker/topology/topology.js';
import { readFleetKey } from '../../supervisor/data-directory/fleet-key-file.js';
import type { Logger } from '../../telemetry/logger.js';
import type { Metrics } from '../../telemetry/metrics.js';
import { dataDirOf, type Place } from '../place.js';
import type { BrokerAddress } from './broker-address.js';

/** The fleet's keys: those of `FLEET_KEY`, or the file in the data directory. Undefined where there are none. Throws
 *  `config.invalid`. */
export function loadFleetKeys(place: Place): FleetKeys | undefined {
  const text = place.config.fleetKey ?? readFleetKey(dataDirOf(place));
  return text === undefined ? undefined : parseFleetKeys(text);
}

/** One warning for all unsigned messages within so many milliseconds. */
const WARNING_INTERVAL_MS = 60_000;

export interface OpenBrokerOptions extends Pick<
  RabbitBrokerOptions,
  'connectionName' | 'claims' | 'onUnreachable' | 'oneConnection'
> {
  config: Config;
  /** @default messages are neither signed nor verified */
  keys: FleetKeys | undefined;
  logger: Logger;
  metrics?: Metrics;
}

/** Connects to the broker in the background. Messages are signed and verified where the fleet has a key. */
export function openBroker(
  { amqpUrl, managementUrl }: Pick<BrokerAddress, 'amqpUrl' | 'managementUrl'>,
  { config, keys, ...options }: OpenBrokerOptions,
): Broker {
  const sendUserId = config.userId !== 'off';
  const broker = createRabbitBroker({ ...options, url: amqpUrl, managementUrl, sendUserId });
  if (keys === undefined) return broker;
  const { logger, metrics } = options;
  const { verifySignatures: verification } = config;
  let warnedAt = -Infinity;
  let unreported = 0;
  return signedBroker(broker, {
    keys,
    verification,
    devices: namesFor(config.prefix).telemetry,
    onUnsigned(queue) {
      metrics?.unsigned.inc({ queue });
      unreported += 1;
      if (performance.now() - warnedAt < WARNING_INTERVAL_MS) return;
      const then = verification === 'require' ? 'they are not trusted' : 'they are accepted';
      logger.warn(`Messages without a valid signature were delivered; ${then}`, { queue, messages: unreported });
      warnedAt = performance.now();
      unreported = 0;
    },
  });
}
