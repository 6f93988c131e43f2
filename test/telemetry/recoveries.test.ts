import { expect } from 'chai';
import { createManagement } from '../../src/broker/rabbitmq/management/management.js';
import { FlotillaError, UnavailableError } from '../../src/errors.js';
import { createClusterWatch } from '../../src/observability/broker/cluster-watch.js';
import { createRelay } from '../../src/outbox/relay.js';
import { namesFor } from '../../src/broker/topology/topology.js';
import { ensureTopology } from '../../src/runtime/broker/ensure-topology.js';
import { createMetrics } from '../../src/telemetry/metrics.js';
import { ManualClock } from '../../src/testing/harness/manual-clock.js';
import { pauseWhileOpen } from '../../src/worker/circuit-breaker/pause-while-open.js';
import { pauseWhileRelayLags } from '../../src/worker/consumption/pause-for-relay.js';
import { workerDefinitionOf } from '../../src/worker/definition/worker-definition.js';
import { eventOf } from '../contract/store-events.js';
import { createFakeBroker } from '../outbox/support/fake-broker.js';
import { createTempStore } from '../store/support/temp-store.js';
import { eventually } from '../support/eventually.js';
import { recordingLogger } from '../support/recording-logger.js';
import { shop } from '../support/shop.js';

const gate = { pause: () => Promise.resolve(), resume: () => Promise.resolve() };

/** Records the entries that an operator with LOG_LEVEL=warn sees. */
function warnings() {
  const { logger, lines } = recordingLogger('warn');
  return { logger, messages: () => lines.map(({ message }) => message) };
}

describe('the end of a fault is logged once at the level of its beginning', () => {
  it('when a circuit breaker closes', async () => {
    const { logger, messages } = warnings();
    const clock = new ManualClock(() => 0);
    const definition = workerDefinitionOf(
      shop.defineWorker({
        name: 'caller',
        circuitBreaker: { failures: 1, halfOpenAfter: '10s', maxHalfOpenAfter: '10s' },
        on: { 'job.requested': () => undefined },
      }),
    );
    const prepared = { definition, clock, metrics: createMetrics({}), logger };
    const breaker = pauseWhileOpen(prepared, gate, { settled: () => Promise.resolve() });
    await breaker.execute('1', () => Promise.reject(new UnavailableError('away'))).catch(() => undefined);
    clock.moveTo(10_000);
    await breaker.execute('2', () => Promise.resolve());
    await eventually(() => messages().length >= 2);
    expect(messages()).to.deep.equal([
      'Circuit breaker open; consuming paused for 10s',
      'Circuit breaker closed; consuming resumed',
    ]);
  });

  it('when the events that paused a worker are published', async () => {
    const { logger, messages } = warnings();
    const relay = { lag: 101, maxLag: 100 };
    const stop = pauseWhileRelayLags(relay, gate, logger);
    await eventually(() => messages().length === 1);
    relay.lag = 50;
    await eventually(() => messages().length === 2);
    stop();
    expect(messages()).to.deep.equal([
      '101 events wait to be published; consuming paused',
      '50 events wait to be published; consuming resumed',
    ]);
  });

  it('when publishes of the relay are confirmed again', async () => {
    const { logger, messages } = warnings();
    const temp = await createTempStore();
    const ending = new AbortController();
    try {
      const store = await temp.open({ limits: { pollInterval: 5 } });
      let published = 0;
      const broker = createFakeBroker(() => (++published === 2 ? 'lost' : 'confirm'));
      const relay = createRelay({ store, broker, names: namesFor(''), instance: 'a', logger });
      const running = relay.run(ending.signal);
      for (const subject of ['order/1', 'order/2', 'order/3']) await store.append(subject, 'none', [eventOf(subject)]);
      await eventually(async () => (await store.checkpoint('relay')) === 3);
      ending.abort();
      await running;
      expect(messages()).to.have.length(2);
      expect(messages()[0]).to.match(/^relay: publish not confirmed; republishing from position \d$/);
      expect(messages()[1]).to.equal('relay: publishes are confirmed again');
    } finally {
      ending.abort();
      await temp.dispose();
    }
  });

  it('when all of the topology is declared', async () => {
    const { logger, messages } = warnings();
    let attempts = 0;
    const applyTopology = () => {
      attempts += 1;
      return attempts === 1
        ? Promise.reject(new FlotillaError('broker.topology_incomplete', 'x'))
        : Promise.resolve([]);
    };
    const topology = { exchanges: [], queues: [], bindings: [] };
    await ensureTopology({ applyTopology }, topology, { logger, signal: new AbortController().signal });
    await eventually(() => messages().length === 2);
    expect(messages()).to.deep.equal([
      'cannot declare all of the topology; retrying',
      'all of the topology is declared',
    ]);
  });

  it('when an alarm of the broker is resolved', async () => {
    const { logger, messages } = warnings();
    let polled: () => void = () => undefined;
    let alarms: ('memory' | 'disk')[] = ['disk'];
    const management = {
      ...createManagement({ url: 'http://127.0.0.1:1' }),
      nodes: () => {
        polled();
        return Promise.resolve([{ name: 'rabbit@a', running: true, alarms, partitions: [] }]);
      },
    };
    const watch = createClusterWatch(management, '', logger);
    const pollOnce = () => {
      const ending = new AbortController();
      polled = () => ending.abort();
      return watch.run(ending.signal);
    };
    await pollOnce();
    alarms = [];
    await pollOnce();
    await eventually(() => messages().length === 2);
    expect(messages()[0]).to.match(/^Broker: disk alarm on rabbit@a/);
    expect(messages()[1]).to.equal(messages()[0]?.replace('Broker: ', 'Broker: resolved: '));
  });
});
