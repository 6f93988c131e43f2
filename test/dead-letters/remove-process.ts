import { findAbandonedQueues } from '../../src/broker/topology/abandoned-queues.js';
import { createRabbitBroker } from '../../src/broker/rabbitmq/broker.js';
import { createManagement } from '../../src/broker/rabbitmq/management/management.js';
import { namesFor } from '../../src/broker/topology/topology.js';
import { removeAbandonedQueues } from '../../src/dead-letters/remove-abandoned-queues.js';
import { armFailpoint } from '../../src/failpoints.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { definitions } from './dead-letter-fixture.js';

// A process that removes the queues of all workers, and is killed as it moves the second message.
const [prefix = '', url = '', managementUrl = ''] = process.argv.slice(2);
armFailpoint('topology.message_moved:2');
const broker = createRabbitBroker({ url, connectionName: 'child', logger: silentLogger() });
const management = createManagement({ url: managementUrl });
const names = namesFor(prefix);
const logger = silentLogger();
const { signal } = new AbortController();
const queues = await findAbandonedQueues({ management, broker, names, workers: [] });
await removeAbandonedQueues(queues, { broker, management, names, definitions, logger, ops: undefined, signal });
