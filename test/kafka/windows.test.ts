import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import kafkajs from 'kafkajs';
import { expect } from 'chai';
import * as windowsCommand from '../../src/cli/commands/windows/index.js';
import { defineFleet } from '../../src/fleet/define-fleet.js';
import { applyTopics } from '../../src/kafka/topics/plan-topics.js';
import { createTopicWindows, type TopicWindows } from '../../src/kafka/windows/topic-windows.js';
import { openSqliteStore } from '../../src/store/sqlite/index.js';
import type { Store } from '../../src/store/store.js';
import { generator } from '../../src/testing/simulation/seeded.js';
import { windowsDefinitionOf } from '../../src/windows/definition.js';
import { listLate } from '../../src/windows/state/late-table.js';
import { readWindows } from '../../src/windows/state/windows-table.js';
import { runCommand } from '../support/command.js';
import { eventually } from '../support/eventually.js';
import { seed } from '../support/seed.js';
import { listing, listingDefinition, plant, reading, type ListingOptions } from '../windows/support/readings.js';
import { resultsOf, type Result } from '../windows/support/run-script.js';
import { kafkaBench, publishedAll, whileSinking, type KafkaBench } from './support/kafka-bench.js';
import { readTopic } from './support/read-topic.js';
import { clientOfProcess, describeWithClients } from './support/tested-clients.js';

const FIXTURE = fileURLToPath(new URL('fixtures/topic-windows-process.ts', import.meta.url));
const SENSORS = ['a', 'b', 'c', 'd', 'e', 'f'];
const options: ListingOptions = { kind: 'tumbling', idleAfter: '300ms' };

describeWithClients('windows over topics of Kafka', function () {
  this.timeout(60_000);
  let bench: KafkaBench;
  let results: string;

  before(async function () {
    bench = await kafkaBench(this);
    results = `${bench.prefix}results`;
    await applyTopics(bench.client, [{ topic: results, partitions: 1, replicationFactor: 1 }]);
  });
  after(() => bench?.close());

  /** Runs the windows while `work` runs. */
  const whileComputing = async (
    store: Store,
    work: (windows: TopicWindows) => Promise<unknown>,
    computed = listing(options),
  ) => {
    const { client, prefix, topic } = bench;
    const windows = createTopicWindows({
      ...{ windows: computed, store, client, prefix, topics: [topic], instance: 'test' },
      ...{ leaseTtl: 1_000, sessionTimeout: 1_000 },
    });
    const stop = new AbortController();
    const running = windows.run(stop.signal);
    try {
      await work(windows);
    } finally {
      stop.abort();
      await running;
    }
  };
  /** A record with an event of an hour ago. */
  const lateReading = (n: number) => {
    const late = reading({ n, source: 'device', sensor: 'a', time: Date.now() - 3_600_000 });
    return { value: JSON.stringify(late), headers: { 'content-type': 'application/cloudevents+json' } };
  };
  const send = async (...messages: { value: string; headers?: Record<string, string> }[]) => {
    const producer = new kafkajs.Kafka({ brokers: [bench.brokers], logLevel: kafkajs.logLevel.NOTHING }).producer();
    await producer.connect();
    await producer.send({ topic: bench.topic, messages: messages.map((message) => ({ ...message, key: 'a' })) });
    await producer.disconnect();
  };
  const lateOf = async (store: Store) => {
    const row = await readWindows(store.query, listingDefinition(options));
    return row === undefined ? [] : listLate(store.query, row.id, 100);
  };

  it(`equal a plain recomputation from topic to topic, and are not repeated after a kill -9 (seed ${seed})`, async () => {
    const random = generator(seed);
    const begin = Math.floor(Date.now() / 10_000) * 10_000 - 3_600_000;
    const source = await openSqliteStore({ service: 'plant', path: join(bench.folder, 'plant.db') });
    const expected: Record<string, number[]> = {};
    try {
      for (let n = 1; n <= 600; n += 1) {
        // as late as the grace period allows
        const time = begin + n * 500 - Math.floor(random() * 4_000);
        const sensor = SENSORS[Math.floor(random() * SENSORS.length)] ?? '';
        const event = reading({ n, source: 'plant', sensor, time });
        await source.append(event.subject, 'any', [event]);
        (expected[`${sensor} ${Math.floor(time / 10_000) * 10_000}`] ??= []).push(n);
      }
      const { definitions } = plant;
      const routes = { 'reading.taken': bench.topic };
      // transactions of the sink, so that the topic contains offsets without records
      await whileSinking(bench, source, () => publishedAll(bench, source), {
        ...{ definitions, routes, batchSize: 100 },
      });
    } finally {
      await source.close();
    }
    const path = join(bench.folder, 'metrics.db');
    for (const point of ['windows.applied:2', 'windows.committed:1']) {
      const child = fork(FIXTURE, [point, bench.brokers, bench.prefix, bench.topic, path]);
      await once(child, 'exit');
      expect(child.signalCode, point).to.equal('SIGKILL');
    }
    const store = await bench.open('metrics');
    const count = Object.keys(expected).length;
    await whileComputing(store, () => eventually(async () => (await resultsOf(store)).length >= count));
    const routes = { 'reading.listed': results };
    await whileSinking(bench, store, () => publishedAll(bench, store), {
      ...{ definitions: plant.definitions, routes },
    });

    const published = (await readTopic(bench.brokers, results, count)).map(({ event }) => event.data as Result);
    const found = published.map(({ window, numbers }) => [`${window.key} ${window.start}`, numbers] as const);
    expect(found).to.have.length(count);
    expect(Object.fromEntries(found)).to.deep.equal(expected);
    expect(await lateOf(store)).to.deep.equal([]);
  });

  it('refuse a record that is no event, and correct a result for a late one', async () => {
    await send({ value: '?' }, lateReading(1_000));
    const store = await bench.open('metrics');
    await whileComputing(store, () => eventually(async () => (await lateOf(store)).length >= 2));
    const rows = (await lateOf(store)).map(({ outcome, source, code }) => ({ outcome, source, code }));
    expect(rows).to.have.deep.members([
      { outcome: 'refused', source: bench.topic, code: 'contract.not_json' },
      { outcome: 'corrected', source: 'device', code: '' },
    ]);
  });

  it('rewind counts the records again that were read, and refuses where Kafka may have deleted some', async () => {
    const ignoring = listing({ ...options, late: 'ignore' });
    const fleet = defineFleet({
      catalogue: plant,
      workers: [plant.defineWorker({ name: 'reader', on: { 'reading.listed': () => undefined } })],
      kafka: { windows: [{ windows: ignoring, topics: [bench.topic] }] },
    });
    const kafkaEnv = { KAFKA_BROKERS: bench.brokers, KAFKA_CLIENT: clientOfProcess() };
    const env = { DATA_DIR: bench.folder, FLOTILLA_PREFIX: bench.prefix, ...kafkaEnv };
    const rewind = (...args: string[]) =>
      runCommand({ modules: [windowsCommand], fleet, env, cwd: bench.folder }, [
        ...['windows', 'rewind', 'listing', '--to', '2h', ...args],
      ]);
    const store = await bench.open('kafka');
    const late = async () => {
      const row = await readWindows(store.query, windowsDefinitionOf(ignoring));
      return row === undefined ? [] : listLate(store.query, row.id, 1_000);
    };
    const kafka = new kafkajs.Kafka({ brokers: [bench.brokers], logLevel: kafkajs.logLevel.NOTHING });
    const admin = kafka.admin();
    await admin.connect();
    try {
      await whileComputing(
        store,
        async (running) => {
          // windows are closed in the order of their ends
          await eventually('the window of the late one is closed', async () =>
            (await resultsOf(store)).some(({ window }) => window.start > Date.now() - 3_600_000),
          );
          await send(lateReading(2_000));
          await eventually('everything is read', async () => (await late()).length >= 2 && running.state().lag === 0);
          await eventually('the clock has closed the last windows', () => {
            return (running.state().watermark ?? 0) > Date.now() - 600_000;
          });
          const before = await resultsOf(store);
          const dry = await rewind('--dry-run');
          expect(dry.out, dry.said).to.contain('events: 602').and.to.contain('different: 1; dry run, nothing emitted');
          expect(await resultsOf(store)).to.have.length(before.length);
          expect((await rewind()).out).to.contain('emitted: 1');
          const corrected = (await resultsOf(store)).at(-1);
          expect(corrected?.numbers).to.include(2_000);
          expect(corrected?.window.revision).to.equal(1);
          expect((await rewind()).out).to.contain('different: 0; emitted: 0');
        },
        ignoring,
      );
      await admin.fetchTopicOffsets(bench.topic); // loads what the next call needs
      await admin.deleteTopicRecords({ topic: bench.topic, partitions: [{ partition: 0, offset: '10' }] });
      expect((await rewind()).said)
        .to.contain('windows.history_trimmed')
        .and.to.contain(`${bench.topic} begins at `);
      const type = kafkajs.ConfigResourceTypes.TOPIC;
      const configEntries = [{ name: 'cleanup.policy', value: 'compact' }];
      await admin.alterConfigs({ validateOnly: false, resources: [{ type, name: bench.topic, configEntries }] });
      await eventually('the refusal', async () => (await rewind()).said.includes('windows.history_compacted'));
    } finally {
      await admin.disconnect();
    }
  });
});
