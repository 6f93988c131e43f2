import { hostOf } from '../../../broker/rabbitmq/connection/addresses.js';
import { probeBroker } from '../../../broker/rabbitmq/connection/probe.js';
import { createManagement, type Management } from '../../../broker/rabbitmq/management/management.js';
import { maskedUrl } from '../../../config/secrets.js';
import { messageOf } from '../../../errors.js';
import { brokerAddress, managementAt, type BrokerAddress } from '../../../runtime/broker/broker-address.js';
import type { Context } from '../../shared/context.js';
import type { Finding } from './finding.js';

const REQUEST_TIMEOUT_MS = 5000;
/** The checks that require the management API. */
const DEPENDENT = 'the checks cluster and permissions are skipped';

/** Requests the version from the management API. At the default address no broker is needed; a broker without a
 *  management API, and another program on its port, are reported there as well. */
export async function checkManagement(
  { amqpUrl, managementUrl, from }: BrokerAddress,
  { isSet }: { isSet: boolean },
): Promise<Finding> {
  const derived = from === 'AMQP_URL' ? 'from AMQP_URL; AMQP_MANAGEMENT_URL is not set' : from;
  const where = `${maskedUrl(managementUrl)} (${isSet ? 'AMQP_MANAGEMENT_URL' : derived})`;
  try {
    const { version } = await createManagement({ url: managementUrl, timeout: REQUEST_TIMEOUT_MS }).overview();
    return { ok: true, detail: `${where} answers, RabbitMQ ${version}` };
  } catch (error) {
    if (from === 'default' && !isSet && isRefusedConnection(error) && (await isBrokerAbsent(amqpUrl))) {
      const detail = `none runs here: nothing listens at ${hostOf(managementUrl)}; \`up\` starts one; ${DEPENDENT}`;
      return { ok: true, detail };
    }
    const without = `without it alarms are not reported, and surplus bindings and queues stay; ${DEPENDENT}`;
    return { ok: true, warning: true, detail: `${where}: ${messageOf(error)}; ${without}` };
  }
}

/** Returns the management API; undefined if it does not answer, which `checkManagement` reports. */
export async function answeringManagement(context: Context): Promise<Management | undefined> {
  const management = managementAt(await brokerAddress(context), REQUEST_TIMEOUT_MS);
  return management.overview().then(
    () => management,
    () => undefined,
  );
}

function isRefusedConnection(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause && cause.code === 'ECONNREFUSED';
}

async function isBrokerAbsent(amqpUrl: string): Promise<boolean> {
  const { failures } = await probeBroker(amqpUrl);
  return failures.some(({ code }) => code === 'broker.refused_connection');
}
