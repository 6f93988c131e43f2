import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { baseCatalogue, catalogue, defineFleet, FleetSession, replayDeadLetters } from 'flotilla';
import { topologyOf } from '../../../src/broker/topology/topology.js';
import { collectDeadLetters } from '../../../src/dead-letters/keeper/collect-dead-letters.js';
import { openSqliteStore } from '../../../src/store/sqlite/index.js';
import { codeOf } from '../../contract/broker.js';
import {
  deadLetterMessage,
  definitions,
  publishDeadLetters,
  takeMessages,
} from '../../dead-letters/support/dead-letter-fixture.js';
import { cleanUp, testBroker, type TestBroker } from '../../support/rabbitmq.js';

const types = catalogue(baseCatalogue, { 'payment.process': definitions['payment.process'] });
const fleet = defineFleet({
  catalogue: types,
  workers: [
    types.defineWorker({ name: 'payment', on: { 'payment.process': () => undefined }, retry: { delays: ['1h'] } }),
  ],
});

describe('the session of an operator in a program', function () {
  this.timeout(60_000);
  const { signal } = new AbortController();
  let folder: string;
  let broker: TestBroker;
  let session: FleetSession;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'flotilla-session-'));
    broker = await testBroker();
    session = new FleetSession(fleet, { signal, config: { ...broker, dataDir: folder } });
  });
  afterEach(async () => {
    await session.close();
    await cleanUp(broker.prefix);
    await rm(folder, { recursive: true, force: true });
  });

  it('replays a dead letter, and publishes the events about it', async () => {
    await (await openSqliteStore({ service: 'ops', path: join(folder, 'ops.db') })).close();
    const context = await session.deadLetters('write');
    const { store, names } = context;
    const rabbit = await session.broker('write');
    const { prefix, log, unroutedMax } = session.config;
    await rabbit.applyTopology(topologyOf(session.queues().declared, { prefix, log, unroutedMax }));
    const publisher = rabbit.createPublisher();
    await publisher.ready();
    const letter = deadLetterMessage();
    await publishDeadLetters({ publisher, names }, letter);
    await publisher.close();
    await collectDeadLetters({ ...context, broker: rabbit, workers: ['payment'], logger: session.logger, signal });

    const summary = await replayDeadLetters(context, { selection: { filter: {} }, who: 'a test', signal });
    expect(summary).to.deep.include({ selected: 1, sent: 1 });
    const [message] = await takeMessages(rabbit, names.queue('payment'), 1);
    expect(message?.properties.messageId).to.equal(letter.event.id);

    expect(await store.head()).to.be.greaterThan(await store.checkpoint('relay'));
    await session.publishOps();
    expect(await store.checkpoint('relay')).to.equal(await store.head());
  });

  it('creates no store: without one of dead letters it refuses to replay', async () => {
    expect(await codeOf(session.deadLetters('write'))).to.equal('store.missing');
    expect(await readdir(folder)).to.deep.equal([]);
  });
});
