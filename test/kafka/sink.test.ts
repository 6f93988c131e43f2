import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { sinkGroup } from '../../src/kafka/sink/sink-position.js';
import { applyTopics, positionsTopic, withAdmin } from '../../src/kafka/topics/plan-topics.js';
import { openSqliteStore } from '../../src/store/sqlite/index.js';
import type { Store } from '../../src/store/store.js';
import { eventually } from '../support/eventually.js';
import { checkRecords } from './support/check-records.js';
import { appendJobs, kafkaBench, whileSinking, type KafkaBench } from './support/kafka-bench.js';
import { readTopic } from './support/read-topic.js';
import { describeWithClients } from './support/tested-clients.js';

describeWithClients('Kafka sink', function () {
  this.timeout(40_000);
  let bench: KafkaBench;

  beforeEach(async function () {
    this.timeout(60_000);
    bench = await kafkaBench(this);
  });
  afterEach(() => bench?.close());

  const positionOf = (store: Store) =>
    withAdmin(bench.client, (admin) =>
      admin.groupOffset(sinkGroup(bench.prefix, store.service), positionsTopic(bench.prefix), 0),
    );
  const published = (store: Store, position: number) =>
    eventually(`position ${position} is committed`, async () => (await positionOf(store))?.offset === position);

  it('publishes each event once as a CloudEvent with its subject as the key, and continues where it stopped', async () => {
    const store = await bench.open('jobs');
    await appendJobs(store, 20);
    await whileSinking(bench, store, () => published(store, 20));
    await appendJobs(store, 10);
    await whileSinking(bench, store, () => published(store, 30), { batchSize: 3 });

    const records = await readTopic(bench.brokers, bench.topic, 30);
    const events = await store.readAll(0);
    checkRecords(records, events);
    for (const record of records) {
      expect(record.contentType).to.equal('application/cloudevents+json');
      expect(record.event).to.deep.equal(events[record.position - 1]?.event);
    }
  });

  it('fences an earlier sink before it reads the position', async () => {
    const group = sinkGroup(bench.prefix, 'jobs');
    const offset = { group, topic: positionsTopic(bench.prefix), partition: 0, offset: 1, metadata: 'x y' };
    const [first, second] = [bench.client.transactionalProducer(group), bench.client.transactionalProducer(group)];
    try {
      await first.connect();
      await first.send({ topic: bench.topic, messages: [{ key: 'a', value: 'b', headers: {} }] });
      await second.connect();
      const error: unknown = await first.commit(offset).catch((thrown: unknown) => thrown);
      expect(error).to.have.property('code', 'kafka.fenced');
    } finally {
      await Promise.all([first.disconnect(), second.disconnect()]);
    }
  });

  it('publishes only types with a topic, and sends nothing again after a restart without one', async () => {
    const store = await bench.open('jobs');
    await appendJobs(store, 3);
    const routes = { 'job.finished': bench.topic };
    await whileSinking(bench, store, () => published(store, 0), { routes });
    expect((await positionOf(store))?.offset).to.equal(0);
  });

  it('stops before it repeats events where Kafka has lost its position', async () => {
    const store = await bench.open('jobs');
    await appendJobs(store, 5);
    await whileSinking(bench, store, () => published(store, 5));
    // another prefix has no offset, as after the end of its retention
    const prefix = `${bench.prefix}lost-`;
    await applyTopics(bench.client, [{ topic: positionsTopic(prefix), partitions: 1, replicationFactor: 1 }]);
    await whileSinking(bench, store, (sink) => eventually(() => sink.state().failure?.code === 'kafka.position_lost'), {
      prefix,
    });
    expect(await readTopic(bench.brokers, bench.topic, 5)).to.have.length(5);
  });

  it('stops where the store was restored from an earlier copy', async () => {
    const store = await bench.open('jobs');
    await appendJobs(store, 3);
    await store.close();
    const copy = join(bench.folder, 'copy.db');
    await copyFile(join(bench.folder, 'jobs.db'), copy);
    const current = await bench.open('jobs');
    await appendJobs(current, 5);
    await whileSinking(bench, current, () => published(current, 8));

    const restored = await openSqliteStore({ service: 'jobs', path: copy });
    try {
      const failed = (sink: { state: () => { failure: { code: string } | undefined } }) =>
        eventually(() => sink.state().failure?.code === 'kafka.other_store');
      await whileSinking(bench, restored, failed);
      // also when it has as many events again
      await appendJobs(restored, 6);
      await whileSinking(bench, restored, failed);
    } finally {
      await restored.close();
    }
    expect(await readTopic(bench.brokers, bench.topic, 8)).to.have.length(8);
  });

  it('reports a missing topic, and publishes when it exists', async () => {
    const store = await bench.open('jobs');
    await appendJobs(store, 2);
    const topic = `${bench.prefix}late-events`;
    await whileSinking(
      bench,
      store,
      async (sink) => {
        await eventually(() => sink.state().failure?.code === 'kafka.topic_missing');
        await withAdmin(bench.client, (admin) => admin.createTopic({ topic, partitions: 1, replicationFactor: 1 }));
        await published(store, 2);
        expect(sink.state().failure).to.equal(undefined);
      },
      { routes: { 'job.*': topic } },
    );
  });
});
