import { createRabbitBroker } from '../../src/broker/rabbitmq/broker.js';
import { topologyOf } from '../../src/broker/topology/topology.js';
import { armFailpoint } from '../../src/failpoints.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { options } from './earlier-release.js';

// A process that applies the topology until it passes the failpoint of its first argument.
const [point = '', prefix = '', url = ''] = process.argv.slice(2);
armFailpoint(point);
const broker = createRabbitBroker({ url, connectionName: 'child', logger: silentLogger() });
await broker.applyTopology(topologyOf([], { prefix, ...options }));
await broker.close();
