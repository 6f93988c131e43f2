import { formatDuration } from '../../duration.js';
import type { Fleet } from '../../fleet/define-fleet.js';
import type { BrokerRecovery } from '../../supervisor/broker/set-broker-aside.js';
import { loadFleetKeys, openBroker } from '../broker/open-broker.js';
import { enabledWorkers } from '../fleet/enabled-workers.js';
import { inboxAge } from '../stores/log-age.js';
import type { OperatorPlace } from './operator-broker.js';
import { countUnhandled, refillQueues } from './refill.js';

/** Refills the queues of a fleet from its stores, if the operator wants it, or permits to set the data of its broker aside. */
export function brokerRecovery(
  fleet: Fleet,
  place: OperatorPlace,
  choice: Pick<BrokerRecovery, 'allowed' | 'wanted' | 'ask'>,
): BrokerRecovery {
  return { ...choice, prove: () => prove(fleet, place), refill: (broker) => refill(fleet, place, broker) };
}

/** Reads all that would be sent, which shows that the stores can be read. */
async function prove(fleet: Fleet, place: OperatorPlace): Promise<string[]> {
  const counts = await countUnhandled(fleet, place);
  const list = counts.map(({ worker, messages }) => `${worker} ${messages}`).join(', ');
  return [
    'Every store of the fleet is here and can be read.',
    list === '' ? 'The workers have handled everything.' : `Not handled, to be sent again: ${list}.`,
    ...limitsOfRefill(fleet, place),
  ];
}

/** What a refill does not send again, as lines for the operator. */
export function limitsOfRefill(fleet: Fleet, { config }: Pick<OperatorPlace, 'config'>): string[] {
  const enabled = enabledWorkers(fleet, config);
  const disabled = fleet.workers.filter(({ name }) => enabled.every((worker) => worker.name !== name));
  return [
    ...(disabled.length === 0
      ? []
      : [`Not enabled (WORKERS, WITH), so nothing is sent to them: ${disabled.map(({ name }) => name).join(', ')}.`]),
    `Not in the stores, and kept in the former broker only: messages of programs that publish without a store, and what a ` +
      `worker has not handled for ${formatDuration(inboxAge(config.log.maxAge))} (STREAM_MAX_AGE and a day), as long as inboxes remember.`,
  ];
}

async function refill(
  fleet: Fleet,
  place: OperatorPlace,
  address: { amqpUrl: string; managementUrl: string },
): Promise<void> {
  const { config, logger, notify } = place;
  const keys = loadFleetKeys(place);
  const broker = openBroker(address, { config, keys, connectionName: `${config.prefix}refill`, logger });
  try {
    const counts = await refillQueues(fleet, place, broker);
    const sent = counts.reduce((sum, { messages }) => sum + messages, 0);
    notify(`Sent ${sent} messages again that no worker had handled.`);
  } finally {
    await broker.close();
  }
}
