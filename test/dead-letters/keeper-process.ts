import { createRabbitBroker } from '../../src/broker/rabbitmq/broker.js';
import { namesFor } from '../../src/broker/topology/topology.js';
import { createKeeper } from '../../src/dead-letters/keeper/keeper.js';
import { replayDeadLetters } from '../../src/dead-letters/operations/replay-dead-letters.js';
import { armFailpoint } from '../../src/failpoints.js';
import { openSqliteStore } from '../../src/store/sqlite/index.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { definitions } from './dead-letter-fixture.js';

// A process that keeps or replays dead letters until it passes the failpoint of its first argument.
const [point = '', path = '', prefix = '', url = ''] = process.argv.slice(2);
armFailpoint(point);
const broker = createRabbitBroker({ url, connectionName: 'child', logger: silentLogger() });
const store = await openSqliteStore({ service: 'ops', path });
const names = namesFor(prefix);
const { signal } = new AbortController();
if (point === 'keeper.kept') {
  await createKeeper({ store, broker, names, workers: ['payment'], definitions, logger: silentLogger() }).run(signal);
} else {
  await replayDeadLetters(
    { store, broker, names, workers: ['payment'], definitions, now: Date.now },
    { selection: { filter: {} }, who: 'child', signal },
  );
}
