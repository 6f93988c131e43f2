import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import kafkajs from 'kafkajs';
import { expect } from 'chai';
import { z } from 'zod';
import {
  baseCatalogue,
  catalogue,
  defineFleet,
  event,
  FlotillaError,
  openStore,
  originContext,
  runWorkers,
  tumbling,
  windowResult,
} from 'flotilla';
import { applyTopics, loadKafkaClient, positionsTopic, runKafka } from 'flotilla/kafka';
import { eventually } from '../support/eventually.js';
import { testKafka } from '../support/kafka.js';
import { cleanUp, testBroker, type TestBroker } from '../support/rabbitmq.js';
import { readTopic } from './support/read-topic.js';

const notes = catalogue(baseCatalogue, {
  'note.written': event({ 1: z.object({ text: z.string() }) }),
  'note.received': event({ 1: z.object({ text: z.string() }) }),
  'note.counted': event({ 1: windowResult({ notes: z.int() }) }),
});

const counts = notes.defineWindows({
  ...{ name: 'counts', version: 1, window: tumbling('1s'), grace: 0, idleAfter: '300ms' },
  initial: () => ({ notes: 0 }),
  on: { 'note.written': ({ notes: before }) => ({ notes: before + 1 }) },
  emits: 'note.counted',
  result: (state) => state,
});

describe('a fleet with Kafka', function () {
  this.timeout(120_000);
  let folder: string;
  let broker: TestBroker;
  let brokers: string;
  let stop: AbortController;

  before(async function () {
    ({ brokers } = await testKafka(this));
    broker = await testBroker();
    folder = await mkdtemp(join(tmpdir(), 'flotilla-run-kafka-'));
    stop = new AbortController();
  });
  after(async () => {
    if (folder === undefined) return;
    await cleanUp(broker.prefix);
    await rm(folder, { recursive: true, force: true });
  });

  it('publishes what its services store, and its workers handle what comes from Kafka', async () => {
    const { prefix } = broker;
    const inbound = `${prefix}letters`;
    const read: string[] = [];
    const reader = notes.defineWorker({
      name: 'reader',
      on: { 'note.received': ({ data, source }) => void read.push(`${source}: ${data.text}`) },
    });
    const fleet = defineFleet({
      catalogue: notes,
      workers: [reader],
      api: { store: 'notes', emits: ['note.written'], routes: [] },
      kafka: {
        topics: { 'note.counted': 'note-counts', 'note.*': 'note-events' },
        windows: [{ windows: counts, topics: [`${prefix}note-events`] }],
        sources: [{ name: 'letters', topics: [inbound], types: ['note.received'] }],
      },
    });
    const client = await loadKafkaClient({ brokers: [brokers] });
    const topic = `${prefix}note-events`;
    await applyTopics(client, [
      ...[topic, inbound, `${prefix}note-counts`].map((each) => ({ topic: each, partitions: 3, replicationFactor: 1 })),
      { topic: positionsTopic(prefix), partitions: 1, replicationFactor: 1 },
    ]);
    const config = { ...broker, dataDir: join(folder, 'data'), logLevel: 'error' as const };
    const options = { signal: stop.signal, config: { ...config, kafka: { brokers: [brokers] } } };
    const outbox = openStore(fleet, 'notes', options);
    const parts = [outbox, runWorkers(fleet, ['reader'], options), runKafka(fleet, options)] as const;
    const { store } = await outbox.ready;
    const context = originContext({ source: store.service, subject: 'note/1' });
    await store.append('note/1', 'none', [notes.create('note.written', { text: 'Hello' }, context)]);
    const [record] = await readTopic(brokers, topic, 1);
    expect(record?.event).to.deep.include({ type: 'note.written', source: 'notes', data: { text: 'Hello' } });

    const [count] = await readTopic(brokers, `${prefix}note-counts`, 1);
    expect(count?.event).to.deep.include({ type: 'note.counted', source: 'kafka', subject: 'counts/all' });
    expect(count?.event.data).to.include({ notes: 1 });

    const producer = new kafkajs.Kafka({ brokers: [brokers], logLevel: kafkajs.logLevel.NOTHING }).producer();
    await producer.connect();
    const letter = notes.create(
      'note.received',
      { text: 'Dear' },
      originContext({ source: 'post', subject: 'note/2' }),
    );
    const headers = { 'content-type': 'application/cloudevents+json' };
    await producer.send({ topic: inbound, messages: [{ key: 'note/2', value: JSON.stringify(letter), headers }] });
    await producer.disconnect();
    await eventually('the worker handles the letter', () => read.length > 0);
    expect(read).to.deep.equal(['kafka: Dear']);
    const { checks } = parts[2].state();
    expect(checks).to.include.keys('sink:notes', 'sink:kafka', 'source:letters', 'windows:counts', 'store:kafka');
    expect(Object.values(checks).every(({ ok }) => ok)).to.equal(true);

    stop.abort(new Error('the test ends'));
    await Promise.all(parts);
  });
});

describe('the declaration of Kafka', () => {
  const fleetWith = (kafka: NonNullable<Parameters<typeof defineFleet>[0]['kafka']>) => () =>
    defineFleet({ catalogue: notes, workers: [], kafka });
  const source = { name: 'letters', topics: ['letters'], types: ['note.received'] };

  for (const [problem, kafka, detail] of [
    ['an unknown type', { topics: { 'note.burnt': 'notes' } }, 'note.burnt matches no type'],
    ['an invalid topic', { topics: { 'note.*': 'note events' } }, 'not a valid Kafka topic'],
    ['no partitions', { topics: { 'note.*': 'notes' }, partitions: 0 }, 'kafka.partitions is 0'],
    ['two sources of one name', { sources: [source, source] }, 'two Kafka sources have the name letters'],
    [
      'a result that a source accepts',
      {
        windows: [{ windows: counts, topics: ['letters'] }],
        sources: [{ ...source, types: ['note.counted'] }],
      },
      'which a source accepts',
    ],
    ['windows twice', { windows: [counts, counts].map((windows) => ({ windows, topics: ['a'] })) }, 'both compute'],
    ['an invalid source', { sources: [{ ...source, name: 'a b' }] }, 'not a valid name'],
  ] as const) {
    it(`is refused: ${problem}`, () => {
      expect(fleetWith(kafka)).to.throw(FlotillaError, detail);
    });
  }

  it('is required, with brokers, to run it', () => {
    const { signal } = new AbortController();
    const fleet = fleetWith({ topics: { 'note.*': 'notes' } })();
    expect(() => runKafka(fleet, { signal })).to.throw(FlotillaError, 'KAFKA_BROKERS is not set');
    expect(() => runKafka(defineFleet({ catalogue: notes, workers: [] }), { signal })).to.throw('declares no `kafka`');
  });
});
