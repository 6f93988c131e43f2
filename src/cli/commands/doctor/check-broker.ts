import { failureOfAll } from '../../../broker/rabbitmq/connection/connect-failure.js';
import { probeBroker } from '../../../broker/rabbitmq/connection/probe.js';
import { maskedUrl } from '../../../config/secrets.js';
import { FlotillaError, withRemedy } from '../../../errors.js';
import type { BrokerAddress } from '../../../runtime/broker/broker-address.js';
import type { Finding } from './finding.js';

/** Connects to every node of the broker. At the default address no broker is needed, but another program that listens
 *  there is reported. */
export async function checkBroker({ amqpUrl, from }: Pick<BrokerAddress, 'amqpUrl' | 'from'>): Promise<Finding> {
  const where = `${maskedUrl(amqpUrl)} (${from})`;
  const { failures } = await probeBroker(amqpUrl);
  if (failures.length === 0) return { ok: true, detail: `${where} answers` };
  const { code, detail } = failureOfAll(failures);
  if (from === 'default' && code === 'broker.refused_connection') {
    return { ok: true, detail: 'none runs here; `up` starts one' };
  }
  return { ok: false, detail: `${where}: ${code}: ${withRemedy(new FlotillaError(code, detail))}` };
}
