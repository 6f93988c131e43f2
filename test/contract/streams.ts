import { expect } from 'chai';
import type { Broker, StreamEntry, StreamOffset } from '../../src/broker/broker.js';
import { followLog } from '../../src/event-log/reading/follow-log.js';
import { entryAt, firstEntry, lastEntry } from '../../src/event-log/reading/log-bounds.js';
import { inbox } from '../support/inbox.js';
import { eventually } from '../support/eventually.js';
import type { OpenBroker } from './broker.js';

/** Tests of streams, for every broker implementation. `open` returns a new, connected broker. */
export function streamContract(name: string, open: () => Promise<OpenBroker>): void {
  describe(`${name} as a broker with streams`, () => {
    let opened: OpenBroker;
    let broker: Broker;
    let log: string;

    beforeEach(async function () {
      this.timeout(90_000);
      opened = await open();
      broker = opened.broker;
      log = `${opened.prefix}log`;
      await broker.ready();
      await make();
    });
    afterEach(() => opened.close());

    const make = () =>
      broker.applyTopology({
        exchanges: [],
        queues: [{ name: log, arguments: { 'x-queue-type': 'stream', 'x-max-length-bytes': 10_000_000 } }],
        bindings: [],
      });
    const publish = async (from: number, to: number) => {
      const publisher = broker.createPublisher();
      await publisher.ready();
      const ids = Array.from({ length: to - from + 1 }, (_, index) => `m${from + index}`);
      await Promise.all(
        ids.map((messageId) =>
          publisher.publish({ exchange: '', routingKey: log, body: Buffer.from(messageId), properties: { messageId } }),
        ),
      );
      await publisher.close();
    };
    const read = (from: StreamOffset, prefetch = 100) => {
      const received = inbox<StreamEntry>();
      const reader = broker.readStream(log, { from, prefetch, onEntry: received.put });
      return { reader, received };
    };
    const idOf = ({ properties }: StreamEntry) => properties.messageId;

    it('delivers the same entries to every reader, from the first on, with increasing offsets', async () => {
      await publish(1, 20);
      for (const { reader, received } of [read('first'), read('first')]) {
        let offset = -1;
        for (let n = 1; n <= 20; n += 1) {
          const entry = await received.next();
          expect(idOf(entry)).to.equal(`m${n}`);
          expect(Buffer.from(entry.body).toString()).to.equal(`m${n}`);
          expect(entry.offset).to.be.greaterThan(offset);
          offset = entry.offset;
          entry.done();
        }
        await reader.close();
      }
    });

    it('starts at an offset, or with the next entry', async () => {
      await publish(1, 5);
      const all = read('first');
      const entries: StreamEntry[] = [];
      for (let n = 1; n <= 5; n += 1) entries.push(await all.received.next());
      await all.reader.close();
      const third = read(entries[2]?.offset ?? -1);
      expect(idOf(await third.received.next())).to.equal('m3');
      await third.reader.close();
      const next = read('next');
      await eventually(async () => next.reader.reading);
      await publish(6, 6);
      expect(idOf(await next.received.next())).to.equal('m6');
      await next.reader.close();
    });

    it('starts with entries published from a time on', async () => {
      await publish(1, 3);
      const hour = 3_600_000;
      const past = read(new Date(Date.now() - hour));
      for (const id of ['m1', 'm2', 'm3']) expect(idOf(await past.received.next())).to.equal(id);
      await past.reader.close();
      const future = read(new Date(Date.now() + hour));
      await eventually(async () => future.reader.reading);
      await publish(4, 4);
      expect(idOf(await future.received.next())).to.equal('m4');
      await future.reader.close();
    });

    it('delivers at most the prefetch, and continues as entries are done', async () => {
      for (let n = 1; n <= 30; n += 1) await publish(n, n); // messages that are confirmed together arrive together
      const { reader, received } = read('first', 10);
      const first = await received.next();
      for (let n = 2; n <= 10; n += 1) await received.next();
      expect(received.waiting).to.equal(0);
      first.done();
      expect(idOf(await received.next())).to.equal('m11');
      await reader.close();
    });

    it('continues after a lost connection, with each entry once and in order', async () => {
      await publish(1, 5);
      const { reader, received } = read('first');
      for (let n = 1; n <= 5; n += 1) (await received.next()).done();
      const reconnect = await opened.disconnect();
      await eventually(async () => !reader.reading);
      reconnect();
      await broker.ready();
      await publish(6, 10);
      for (let n = 6; n <= 10; n += 1) expect(idOf(await received.next())).to.equal(`m${n}`);
      await reader.close();
    }).timeout(30_000);

    it('is read in batches, each of which waits for the previous one', async () => {
      await publish(1, 25);
      const stop = new AbortController();
      const sizes: number[] = [];
      const ids: (string | undefined)[] = [];
      for await (const batch of followLog(broker, log, { from: 'first', batchSize: 10, signal: stop.signal })) {
        sizes.push(batch.length);
        ids.push(...batch.map(idOf));
        if (ids.length === 25) stop.abort();
      }
      expect(ids).to.deep.equal(Array.from({ length: 25 }, (_, index) => `m${index + 1}`));
      expect(Math.max(...sizes)).to.be.at.most(10);
    });

    it('returns its first and its newest entry, and the entry at or after an offset', async () => {
      expect(await firstEntry(broker, log)).to.equal(undefined);
      expect(await lastEntry(broker, log)).to.equal(undefined);
      await publish(1, 10);
      const first = await firstEntry(broker, log);
      const last = await lastEntry(broker, log);
      expect([first, last].map((entry) => entry?.properties.messageId)).to.deep.equal(['m1', 'm10']);
      expect((await entryAt(broker, log, last?.offset ?? -1))?.properties.messageId).to.equal('m10');
      expect(await entryAt(broker, log, (last?.offset ?? -1) + 1000)).to.equal(undefined);
    }).timeout(30_000);

    it('starts at offset 0 after it was deleted and recreated', async () => {
      await publish(1, 3);
      const before = (await firstEntry(broker, log))?.offset;
      await opened.deleteQueue(log);
      await make();
      await publish(4, 6);
      const after = await firstEntry(broker, log);
      expect([before, after?.offset, after?.properties.messageId]).to.deep.equal([0, 0, 'm4']);
    }).timeout(30_000);
  });
}
