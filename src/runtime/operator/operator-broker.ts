import type { Broker } from '../../broker/broker.js';
import { isPermanentFailure, type ConnectFailure } from '../../broker/rabbitmq/connection/connect-failure.js';
import { causeOfSilence } from '../../broker/rabbitmq/connection/probe.js';
import { requireKey } from '../../broker/signing/key-registration.js';
import { namesFor } from '../../broker/topology/topology.js';
import { maskedUrl } from '../../config/secrets.js';
import { FlotillaError } from '../../errors.js';
import type { Logger } from '../../telemetry/logger.js';
import { brokerAddress, configuredBroker, notConfigured, type BrokerAddress } from '../broker/broker-address.js';
import { loadFleetKeys, openBroker } from '../broker/open-broker.js';
import type { Place } from '../place.js';
import { refuseForeignBroker } from '../stores/store-claims.js';

/** What an operator does at the broker. */
export type Access = 'read' | 'write';

/** Where an operator works, until when, and where reports go. */
export interface OperatorPlace extends Place {
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /** Receives a line about an assumption, such as which broker is read from. */
  readonly notify: (line: string) => void;
}

const CONNECT_LIMIT_MS = 10_000;

/** The broker that an operator works on. Where neither AMQP_URL nor a running fleet names it, writing is refused with
 *  `broker.not_configured`, and reading reports the broker that is read from. */
export async function operatorAddress(
  place: Pick<OperatorPlace, 'config' | 'cwd' | 'notify'>,
  access: Access,
): Promise<BrokerAddress> {
  if (access === 'write') return configuredBroker(place);
  const address = await brokerAddress(place);
  if (address.from === 'default') {
    place.notify(`Reading from ${maskedUrl(address.amqpUrl)}: ${notConfigured(place)}.`);
  }
  return address;
}

/** Connects to the broker; the caller closes it. Rejects with `broker.not_configured` where nothing names the broker to write
 *  to, or the broker at the default address belongs to another fleet. Where it cannot be reached, rejects with the cause as soon as it is known, or, if waiting may help, after
 *  `config.brokerWait`; with `broker.unreachable` where nothing answers within `patience` milliseconds more. */
export async function connectOperator(
  place: OperatorPlace,
  access: Access,
  patience = CONNECT_LIMIT_MS,
): Promise<Broker> {
  const { config, logger, signal } = place;
  const address = await operatorAddress(place, access);
  const waitUntil = Date.now() + config.brokerWait;
  const failed = new AbortController();
  let failure: ConnectFailure | undefined;
  const keys = loadFleetKeys(place);
  const broker = openBroker(address, {
    config,
    keys,
    connectionName: 'flotilla command',
    oneConnection: access === 'read',
    logger,
    onUnreachable(cause) {
      failure = cause;
      if (isPermanentFailure(cause) || Date.now() >= waitUntil) failed.abort();
    },
  });
  const limit = AbortSignal.timeout(config.brokerWait + patience);
  try {
    await broker.ready(AbortSignal.any([signal, failed.signal, limit]));
    if (address.from === 'default') await refuseForeignBroker(place, address);
    if (access === 'write') await requireKey(broker, namesFor(config.prefix), keys);
    return broker;
  } catch (error) {
    await broker.close();
    if (signal.aborted || !(limit.aborted || failed.signal.aborted)) throw error;
    const { code, detail } = failure ??
      (await causeOfSilence(address.amqpUrl)) ?? { code: 'broker.unreachable', detail: maskedUrl(address.amqpUrl) };
    throw new FlotillaError(code, `${detail} (${address.from})`);
  }
}
