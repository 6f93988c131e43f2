import kafkajs from 'kafkajs';
import { expect } from 'chai';
import { createEvent, originContext } from '../../src/events/create.js';
import { listRejected } from '../../src/kafka/source/rejected.js';
import { eventually } from '../support/eventually.js';
import { shop } from '../support/shop.js';
import { kafkaBench, whileReading, type KafkaBench } from './support/kafka-bench.js';
import { describeWithClients } from './support/tested-clients.js';

describeWithClients('Kafka source', function () {
  this.timeout(40_000);
  let bench: KafkaBench;

  beforeEach(async function () {
    this.timeout(60_000);
    bench = await kafkaBench(this);
  });
  afterEach(() => bench?.close());

  const job = (n: number, subject = 'job/1') =>
    createEvent(shop.definitions, 'job.begun', { n }, originContext({ source: 'partner', subject }));
  const structured = { 'content-type': 'application/cloudevents+json' };

  async function produce(messages: kafkajs.Message[]): Promise<void> {
    const kafka = new kafkajs.Kafka({ brokers: bench.brokers.split(','), logLevel: kafkajs.logLevel.NOTHING });
    const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
    await producer.connect();
    await producer.send({ topic: bench.topic, messages });
    await producer.disconnect();
  }

  it('stores structured and binary events as events of its service, once each', async () => {
    const [first, second] = [job(1), job(2)];
    await produce([
      { key: 'job/1', value: JSON.stringify(first), headers: structured },
      { key: 'job/1', value: JSON.stringify(first), headers: structured }, // a producer that repeats
      {
        key: 'job/1',
        value: JSON.stringify(second.data),
        headers: {
          'content-type': 'application/json',
          ...{ ce_specversion: '1.0', ce_id: second.id, ce_source: 'partner', ce_type: 'job.begun' },
          ...{ ce_subject: 'job/1', ce_time: second.time },
        },
      },
    ]);
    const store = await bench.open('mirror');
    await whileReading(bench, store, () => eventually(async () => (await store.head()) === 2));
    const [one, two] = await store.readAll(0);
    expect(one?.event).to.deep.include({
      type: 'job.begun',
      source: 'mirror',
      subject: 'job/1',
      causationid: first.id,
    });
    expect(one?.event.data).to.deep.equal({ n: 1 });
    expect(two?.event).to.deep.include({ source: 'mirror', causationid: second.id, data: { n: 2 } });
  });

  it('stores what it cannot accept as rejected with a code, and continues', async () => {
    await produce([
      { key: 'job/1', value: 'rubbish', headers: structured },
      { key: 'job/1', value: null },
      { key: 'job/1', value: JSON.stringify({ ...job(1), data: { n: 'one' } }), headers: structured },
      {
        key: 'job/1',
        value: JSON.stringify({
          ...job(1),
          type: 'job.failed',
          dataschema: 'urn:flotilla:job.failed:1',
          data: { n: 1, reason: '' },
        }),
        headers: structured,
      },
      { key: 'job/1', value: JSON.stringify(job(5)), headers: structured },
    ]);
    const store = await bench.open('mirror');
    const types = ['job.begun'];
    await whileReading(bench, store, () => eventually(async () => (await store.head()) === 1), { types });
    const rejected = await listRejected(store.query, 10);
    expect(rejected.map(({ code, offset }) => `${offset} ${code}`)).to.deep.equal([
      '0 contract.not_json',
      '1 contract.not_an_event',
      '2 contract.invalid_data',
      '3 kafka.type_not_accepted',
    ]);
    expect(new Set(rejected.map(({ topic, partition }) => `${topic} ${partition}`))).to.have.property('size', 1);
  });

  it('pauses while too many rejected records wait for a decision', async () => {
    await produce(Array.from({ length: 3 }, () => ({ key: 'job/1', value: '?' })));
    const store = await bench.open('mirror');
    await whileReading(
      bench,
      store,
      (source) => eventually(() => source.state().failure?.code === 'kafka.too_many_rejected'),
      { maxRejected: 2 },
    );
    // the transaction that exceeded the limit was rolled back with its offset; the client decides which records are in it
    const [row] = await store.query<{ next_offset: number }>`SELECT next_offset FROM flotilla_kafka_offsets`;
    expect(await listRejected(store.query, 10)).to.have.length(Number(row?.next_offset ?? 0));
    expect(Number(row?.next_offset ?? 0)).to.be.below(3);
  });

  it("continues at the store's offset, whatever the offset of the group is", async () => {
    await produce(
      Array.from({ length: 5 }, (_, n) => ({ key: 'job/1', value: JSON.stringify(job(n)), headers: structured })),
    );
    const store = await bench.open('mirror');
    await whileReading(bench, store, () => eventually(async () => (await store.head()) === 5));
    await store.transaction((tx) => tx.sql`UPDATE flotilla_kafka_offsets SET next_offset = 3`);
    await produce([{ key: 'job/1', value: JSON.stringify(job(5)), headers: structured }]);
    await whileReading(bench, store, () => eventually(async () => (await store.head()) === 6));
    // the records from offset 3 on were read again and not stored twice
    expect((await store.readAll(0)).map(({ event }) => (event.data as { n: number }).n)).to.deep.equal([
      0, 1, 2, 3, 4, 5,
    ]);
    const [row] = await store.query<{ next_offset: number }>`SELECT next_offset FROM flotilla_kafka_offsets`;
    expect(Number(row?.next_offset)).to.equal(6);
  });

  it('stores nothing of a partition that another member has moved, and continues where that one is', async () => {
    const record = (n: number) => ({ key: 'job/1', value: JSON.stringify(job(n)), headers: structured });
    await produce([record(0)]);
    const store = await bench.open('mirror');
    await whileReading(bench, store, async () => {
      await eventually(async () => (await store.head()) === 1);
      await store.transaction((tx) => tx.sql`UPDATE flotilla_kafka_offsets SET next_offset = 3`);
      await produce([record(1), record(2), record(3)]);
      await eventually(async () => (await store.head()) >= 2);
    });
    expect((await store.readAll(0)).map(({ event }) => (event.data as { n: number }).n)).to.deep.equal([0, 3]);
  });
});
