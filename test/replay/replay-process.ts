import { armFailpoint } from '../../src/failpoints.js';
import { createRabbitBroker } from '../../src/broker/rabbitmq/index.js';
import { namesFor } from '../../src/broker/topology/topology.js';
import { logHistory } from '../../src/replay/history/log-history.js';
import { startReplay } from '../../src/replay/start-replay.js';
import { openSqliteStore } from '../../src/store/sqlite/index.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { adder, DAY, requestOf } from './history-fixture.js';
import { workerDefinitionOf } from '../../src/worker/definition/worker-definition.js';

// A process that replays history to the adder until it passes the failpoint of its first argument.
const [point = '', path = '', prefix = '', url = ''] = process.argv.slice(2);
armFailpoint(point);
const broker = createRabbitBroker({ url, connectionName: 'child', logger: silentLogger() });
const store = await openSqliteStore({ service: 'ops', path });
const names = namesFor(prefix);
await startReplay(
  {
    store,
    broker,
    names,
    worker: workerDefinitionOf(adder()),
    workerStore: undefined,
    history: logHistory(broker, names.log),
    memory: 7 * DAY,
    holder: 'child',
    now: Date.now,
    limits: { window: 10, heartbeatTimeout: 1000 },
  },
  requestOf(),
  { signal: new AbortController().signal },
);
