import { readdir } from 'node:fs/promises';
import { expect } from 'chai';
import {
  baseCatalogue,
  catalogue,
  createPublisher,
  defineFleet,
  FleetSession,
  replayDeadLetters,
  type FleetQueues,
  type PrepareReplayOptions,
} from 'flotilla';
import { topologyOf } from '../../../src/broker/topology/topology.js';
import { collectDeadLetters } from '../../../src/dead-letters/keeper/collect-dead-letters.js';
import { codeOf } from '../../contract/broker.js';
import {
  deadLetterMessage,
  definitions,
  publishDeadLetters,
  takeMessages,
} from '../../dead-letters/support/dead-letter-fixture.js';
import { openFleetPlace, type FleetPlace } from '../../support/fleet-place.js';

const types = catalogue(baseCatalogue, {
  'payment.process': definitions['payment.process'],
  'payment.processed': definitions['payment.processed'],
});
const fleet = defineFleet({
  catalogue: types,
  workers: [
    types.defineWorker({ name: 'payment', on: { 'payment.process': () => undefined }, retry: { delays: ['1h'] } }),
    types.defineWorker({ name: 'views', on: { 'payment.processed': () => undefined } }),
  ],
});

describe('the session of an operator in a program', function () {
  this.timeout(60_000);
  const { signal } = new AbortController();
  let place: FleetPlace;
  let session: FleetSession;
  beforeEach(async () => {
    place = await openFleetPlace();
    const { amqpUrl, managementUrl, prefix, folder } = place;
    session = new FleetSession(fleet, { signal, config: { amqpUrl, managementUrl, prefix, dataDir: folder } });
  });
  afterEach(async () => {
    await session.close();
    await place.remove();
  });

  const applyTopology = async (queues: FleetQueues['declared']) => {
    const rabbit = await session.broker('write');
    const { prefix, log, unroutedMax } = session.config;
    await rabbit.applyTopology(topologyOf(queues, { prefix, log, unroutedMax }));
    return rabbit;
  };
  /** Publishes events before the queues of the workers exist. Resolves with their ids. */
  const publishPast = async (...orderIds: string[]) => {
    const rabbit = await applyTopology([]);
    const publisher = createPublisher({ broker: rabbit, catalogue: types, source: 'past', prefix: place.prefix });
    const ids: string[] = [];
    for (const orderId of orderIds) {
      const { id } = await publisher.publish('payment.processed', { orderId }, { subject: `order/${orderId}` });
      ids.push(id);
    }
    await publisher.close();
    await applyTopology(session.queues().declared);
    return ids;
  };
  const idsIn = async (queue: string, count: number) =>
    (await takeMessages(await session.broker('write'), queue, count)).map(({ properties }) => properties.messageId);

  it('replays a dead letter, and publishes the events about it', async () => {
    await place.createStores('ops');
    const context = await session.deadLetters('write');
    const { store, names } = context;
    const rabbit = await applyTopology(session.queues().declared);
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

  it('counts the history of a worker, and replays it', async () => {
    await place.createStores('ops');
    const [first, , third] = await publishPast('a', 'b', 'c');
    const replay = await session.prepareReplay('views', {
      selection: { types: ['payment.*'], until: new Date(Date.now() + 60_000).toISOString() },
      who: 'a test',
    });
    expect(replay).to.deep.include({ from: 'log', warnings: [] });
    expect(await replay.dryRun()).to.deep.include({ wouldSend: 3, alreadyDone: null });
    expect(await session.replays()).to.deep.equal({ items: [], total: 0 });

    const run = await replay.start();
    expect(run).to.deep.include({ worker: 'views', state: 'done', who: 'a test' });
    expect(run.counts).to.deep.include({ sent: 3, byType: { 'payment.processed': 3 } });
    const got = await idsIn(session.names.queue('views'), 3);
    expect([got[0], got[2]]).to.deep.equal([first, third]);
    const { items, total } = await session.replays();
    expect(total).to.equal(1);
    expect(items[0]).to.deep.include({ id: run.id, state: 'done' });
    expect(await codeOf(session.resumeReplay(run.id))).to.equal('replay.refused');
  });

  it('interrupts a replay of history when its signal aborts, and another session resumes it', async () => {
    await place.createStores('ops');
    const ids = await publishPast('a', 'b');
    const stop = new AbortController();
    const interrupted = new FleetSession(fleet, { signal: stop.signal, config: session.config });
    try {
      const replay = await interrupted.prepareReplay('views', { who: 'a test' });
      const { id, state, counts } = await replay.start({ onStart: () => stop.abort() });
      expect({ state, sent: counts.sent }).to.deep.equal({ state: 'interrupted', sent: 0 });
      const resumed = await session.resumeReplay(id.slice(0, 30));
      expect(resumed).to.deep.include({ id, state: 'done' });
      expect(await idsIn(session.names.queue('views'), 2)).to.deep.equal(ids);
    } finally {
      await interrupted.close();
    }
  });

  it('refuses a replay of history that is not possible', async () => {
    await place.createStores('ops');
    await publishPast('a');
    const prepare = (worker: string, options: Partial<PrepareReplayOptions> = {}) =>
      session.prepareReplay(worker, { who: 'a test', ...options });
    expect(await codeOf(prepare('view'))).to.equal('name.unknown');
    for (const options of [{ again: true }, { from: 'journal' }, { selection: { types: ['order.*'] } }] as const) {
      expect(await codeOf(prepare('views', options)), JSON.stringify(options)).to.equal('replay.refused');
    }
    const reading = await prepare('views', { access: 'read' });
    expect((await reading.dryRun()).wouldSend).to.equal(1);
    expect(await codeOf(reading.start())).to.equal('replay.refused');
    expect(await session.replays()).to.deep.equal({ items: [], total: 0 });
  });

  it('creates no store: without one of dead letters it refuses to replay', async () => {
    expect(await codeOf(session.deadLetters('write'))).to.equal('store.missing');
    expect(await readdir(place.folder)).to.deep.equal([]);
  });
});
