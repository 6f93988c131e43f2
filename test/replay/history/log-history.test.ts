import { expect } from 'chai';
import { systemClock } from '../../../src/concurrency/clock.js';
import { createMemoryBroker } from '../../../src/broker/memory/broker.js';
import { hasCode } from '../../../src/errors.js';
import { logHistory } from '../../../src/replay/history/log-history.js';
import { bodyOf, eventOf } from '../support/history-fixture.js';

const { signal } = new AbortController();
const clock = { ...systemClock };
const filter = { types: ['job.begun'] };

describe('the log as history', () => {
  const open = async (maxBytes: number) => {
    const broker = createMemoryBroker({ clock });
    await broker.applyTopology({
      exchanges: [],
      queues: [{ name: 'log', arguments: { 'x-queue-type': 'stream', 'x-max-length-bytes': maxBytes } }],
      bindings: [],
    });
    const publisher = broker.createPublisher();
    const publish = async (from: number, to: number) => {
      await publisher.ready();
      for (let n = from; n <= to; n += 1) {
        const event = eventOf('job.begun', n);
        await publisher.publish({
          exchange: '',
          routingKey: 'log',
          body: bodyOf(event),
          properties: { messageId: event.id, contentType: 'application/cloudevents+json' },
        });
      }
    };
    return { broker, publish };
  };

  it('is read in pages up to its end at the start, whatever is appended meanwhile', async () => {
    const { broker, publish } = await open(10_000_000);
    await publish(1, 500);
    const history = logHistory(broker, 'log');
    const end = (await history.end(signal)) ?? '';
    expect(await history.size({ after: null, end, filter })).to.equal(500);
    let count = 0;
    for await (const { entries, scanned } of history.read({ after: null, end, filter, signal })) {
      if (count === 0) await publish(501, 700);
      expect(entries.length).to.equal(scanned).and.to.be.at.most(200);
      count += scanned;
    }
    expect(count).to.equal(500);
    await broker.close();
  });

  for (const more of [900, 1500]) {
    it(`reports entries that were trimmed before they were read (${more} later)`, async () => {
      const { broker, publish } = await open(310_000); // some thousand entries
      await publish(1, 1000);
      const history = logHistory(broker, 'log');
      expect(await history.incomplete()).to.equal(undefined);
      const end = (await history.end(signal)) ?? '';
      let pages = 0;
      const failure: unknown = await (async () => {
        for await (const _ of history.read({ after: null, end, filter, signal })) {
          pages += 1;
          if (pages === 1) await publish(1001, 1000 + more);
        }
      })().catch((error: unknown) => error);
      expect(hasCode(failure, 'replay.refused')).to.equal(true);
      expect(pages).to.be.within(2, 4);
      expect(await history.incomplete()).to.contain('entries of the log were trimmed');
      await broker.close();
    });
  }

  it('fails when no entry arrives before the end', async () => {
    const { broker, publish } = await open(10_000_000);
    await publish(1, 10);
    const history = logHistory(broker, 'log', { idle: 50 });
    const pages = history.read({ after: null, end: '20', filter, signal });
    expect((await pages.next()).value?.scanned).to.equal(10);
    const failure: unknown = await pages.next().catch((error: unknown) => error);
    expect(hasCode(failure, 'log.unreachable')).to.equal(true);
    await broker.close();
  });

  it('begins at the first possible entry for a time, and is empty where no entry exists', async () => {
    const { broker, publish } = await open(10_000_000);
    await publish(1, 3);
    const history = logHistory(broker, 'log');
    const end = (await history.end(signal)) ?? '';
    const sizeSince = (time: number) =>
      history.size({ after: null, end, filter: { ...filter, since: new Date(time).toISOString() } });
    expect(await sizeSince(Date.now() - 60_000)).to.equal(3);
    expect(await sizeSince(Date.now() + 3_600_000)).to.equal(0);
    const silent = Object.assign(Object.create(broker) as typeof broker, {
      readStream: () => ({ reading: true, close: async () => undefined }),
    });
    const failure: unknown = await logHistory(silent, 'log')
      .read({ after: null, end, filter, signal })
      .next()
      .catch((error: unknown) => error);
    expect(hasCode(failure, 'log.unreachable')).to.equal(true);
    await broker.close();
  }).timeout(30_000);

  it('has no end where it is empty, and cannot be read where no log exists', async () => {
    const { broker } = await open(1000);
    expect(await logHistory(broker, 'log').end(signal)).to.equal(undefined);
    const failure: unknown = await logHistory(broker, 'nowhere')
      .end(signal)
      .catch((error: unknown) => error);
    expect(hasCode(failure, 'log.unreachable')).to.equal(true);
    await broker.close();
  });
});
