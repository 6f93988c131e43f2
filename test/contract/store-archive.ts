import { expect } from 'chai';
import type { Store } from '../../src/store/store.js';
import { codeOf, eventOf } from './store-events.js';

const many = (stream: string, count: number) => Array.from({ length: count }, () => eventOf(stream));

/** Tests of the archive, which every persistent store has. */
export function archiveContract(store: () => Store, open: () => Promise<Store>): void {
  describe('archive', () => {
    /** Moves the checkpoint of the relay to the head, as if all events were confirmed. */
    const published = () =>
      store().transaction(async (tx) => {
        await tx.moveCheckpoint('relay', await tx.checkpoint('relay'), await store().head());
      });
    const versions = async (stream: string, after = 0, limit?: number) =>
      (await store().read(stream, after, limit)).map(({ version }) => version);

    /** The results of all reads of events. */
    async function everything(ids: readonly string[]) {
      const of = ({ position, stream, version, id, type, time, correlationId, body }: StoredLike) => [
        [position, stream, version],
        [id, type, time, correlationId, body],
      ];
      return {
        all: (await store().readAll(0, 10_000)).map(of),
        stream: (await store().read('a/1')).map(of),
        inside: (await store().transaction((tx) => tx.read('a/1'))).map(of),
        events: (await Promise.all(ids.map((id) => store().event(id)))).map((event) => event && of(event)),
        insideEvents: await store().transaction(async (tx) => (await tx.event(ids[0] ?? ''))?.body),
        head: await store().head(),
      };
    }

    it('moves events of a stream without any effect on reads', async () => {
      for (let n = 0; n < 4; n++) {
        await store().append('a/1', 'any', many('a/1', 200));
        await store().append('a/2', 'any', [eventOf('a/2', { id: `Not-A-UUID ${n}` })]);
      }
      await published();
      const ids = (await store().readAll(0, 10_000)).map(({ id }) => id);
      const before = await everything(ids);
      expect(await store().archive('a/1', 700)).to.deep.equal({ moved: 700, through: 700 });
      expect(await everything(ids)).to.deep.equal(before);
      expect(await store().archive('a/2', 3)).to.deep.equal({ moved: 3, through: 3 });
      expect(await everything(ids)).to.deep.equal(before);
      expect(await versions('a/1', 698, 3)).to.deep.equal([699, 700, 701]);
      expect(await versions('a/1', 10, 2)).to.deep.equal([11, 12]);
      expect((await store().append('a/1', 800, many('a/1', 1))).version).to.equal(801);
    });

    it('does not move events deferred by the relay, nor later events of their stream', async () => {
      await store().append('a/1', 'any', many('a/1', 10));
      await store().append('a/2', 'any', many('a/2', 10));
      await published();
      await store().transaction(async (tx) => void (await tx.sql`INSERT INTO flotilla_relay_deferred VALUES (5)`));
      expect(await store().archive('a/1', 8)).to.deep.equal({ moved: 4, through: 4 });
      expect(await store().archive('a/2', 8)).to.deep.equal({ moved: 8, through: 8 });
      await store().transaction(async (tx) => void (await tx.sql`DELETE FROM flotilla_relay_deferred`));
      expect(await store().archive('a/1', 8)).to.deep.equal({ moved: 4, through: 8 });
    });

    it('is read by other processes that have the store open', async () => {
      const other = await open();
      await store().append('a/1', 'any', many('a/1', 5));
      await published();
      expect(await other.readAll(0)).to.have.length(5);
      await store().archive('a/1', 4);
      expect(await other.readAll(0)).to.have.length(5);
      expect(await other.transaction((tx) => tx.read('a/1'))).to.have.length(5);
    });

    it('continues where it stopped, and moves each event once', async () => {
      await store().append('a/1', 'any', many('a/1', 10));
      await published();
      expect(await store().archive('a/1', 3)).to.deep.equal({ moved: 3, through: 3 });
      expect(await store().archive('a/1', 2)).to.deep.equal({ moved: 0, through: 3 });
      const [first, second] = await Promise.all([store().archive('a/1', 7), (await open()).archive('a/1', 7)]);
      expect(first.moved + second.moved).to.equal(4);
      expect([first.through, second.through]).to.deep.equal([7, 7]);
      expect(await store().archive('a/none', 7)).to.deep.equal({ moved: 0, through: 0 });
    });

    it('does not move the last event of a stream, nor events after the checkpoint of the relay', async () => {
      await store().append('a/1', 'any', many('a/1', 6));
      expect(await store().archive('a/1', 6)).to.deep.equal({ moved: 0, through: 0 });
      await store().transaction((tx) => tx.moveCheckpoint('relay', 0, 3));
      expect(await store().archive('a/1', 6)).to.deep.equal({ moved: 3, through: 3 });
      await published();
      expect(await store().archive('a/1', 99)).to.deep.equal({ moved: 2, through: 5 });
      expect(await versions('a/1')).to.deep.equal([1, 2, 3, 4, 5, 6]);
    });

    it('keeps ids, so that an archived event that is appended again is a duplicate', async () => {
      const events = [...many('a/1', 3), eventOf('a/1', { id: 'Not-A-UUID' })];
      const last = eventOf('a/1');
      const other = await open();
      await other.append('c/1', 'none', [eventOf('c/1')]);
      await store().append('a/1', 'none', [...events, last]);
      await published();
      await store().archive('a/1', 4);
      expect(await store().append('a/1', 'none', events)).to.deep.equal({ version: 5, appended: 0 });
      expect(await other.append('a/1', 'any', [...events, eventOf('a/1')])).to.deep.equal({ version: 6, appended: 1 });
      expect(await other.append('b/1', 'none', events.slice(3))).to.deep.equal({ version: 0, appended: 0 });
      expect(await codeOf(store().append('a/1', 'none', [...events, eventOf('a/1')]))).to.equal('store.conflict');
      // also in the same group commit as the archiving
      const [, repeated] = await Promise.all([store().archive('a/1', 5), store().append('a/1', 'any', [last])]);
      expect(repeated).to.include({ appended: 0 });
      expect(await store().append('a/1', 'any', [last])).to.include({ appended: 0 });
    });
  });

  describe('stream metadata and retention', () => {
    const day = 86_400_000;
    const onDay = (n: number) => new Date(n * day).toISOString();

    it('returns the latest metadata of a stream', async () => {
      expect(await store().streamMetadata('a/1')).to.equal(undefined);
      await store().setStreamMetadata('a/1', { notes: { owner: 'billing' } });
      await store().setStreamMetadata('a/1', { retention: { keep: 3, olderThan: 5 } });
      expect(await store().streamMetadata('a/1')).to.deep.equal({ retention: { keep: 3, olderThan: 5 } });
      expect(await store().streamMetadata('a/2')).to.equal(undefined);
      expect(await (await open()).streamMetadata('a/1')).to.deep.equal({ retention: { keep: 3, olderThan: 5 } });
    });

    it('rejects an invalid retention', async () => {
      const counts = [{ keep: -1 }, { keep: 1.5 }, { keep: Number.NaN }];
      // JSON would store an infinite age as null
      const ages = [-5, Number.NaN, Number.POSITIVE_INFINITY].map((olderThan) => ({ keep: 1, olderThan }));
      for (const retention of [...counts, ...ages]) {
        const refused = await store()
          .setStreamMetadata('a/1', { retention })
          .catch((error: unknown) => error);
        expect(refused, JSON.stringify(retention)).to.be.instanceOf(RangeError);
      }
      expect(await store().streamMetadata('a/1')).to.equal(undefined);
    });

    it('yields to the event loop while it checks many streams', async () => {
      const streams = Array.from({ length: 250 }, (_, n) => `a/${n}`);
      await Promise.all(streams.map((stream) => store().append(stream, 'none', many(stream, 2))));
      await Promise.all(streams.map((stream) => store().setStreamMetadata(stream, { retention: { keep: 1 } })));
      let turned = false;
      setImmediate(() => {
        turned = true;
      });
      expect(await store().applyRetention(0)).to.equal(0); // the relay has not published any event
      expect(turned).to.equal(true);
    });

    it('archives old events of streams with a retention, except for the newest ones', async () => {
      for (const stream of ['count', 'age', 'both', 'notes', 'none']) {
        const events = Array.from({ length: 10 }, (_, n) => eventOf(stream, { time: onDay(n + 1) }));
        await store().append(stream, 'none', events);
      }
      await store().transaction(async (tx) => tx.moveCheckpoint('relay', 0, await store().head()));
      await store().setStreamMetadata('count', { retention: { keep: 4 } });
      await store().setStreamMetadata('age', { retention: { keep: 0, olderThan: 3 * day } });
      await store().setStreamMetadata('both', { retention: { keep: 8, olderThan: 3 * day } });
      await store().setStreamMetadata('notes', { notes: { keep: '0' } });
      // on day 8, events of day 5 or earlier are at least 3 days old
      expect(await store().applyRetention(8 * day)).to.equal(6 + 5 + 2);
      const through = async (stream: string) => (await store().archive(stream, 0)).through;
      expect(await Promise.all(['count', 'age', 'both', 'notes', 'none'].map(through))).to.deep.equal([6, 5, 2, 0, 0]);
      expect(await store().applyRetention(8 * day)).to.equal(0);
      expect(await store().applyRetention(9 * day)).to.equal(1);
      expect(await store().readAll(0)).to.have.length(50);
    });
  });
}

interface StoredLike {
  position: number;
  stream: string;
  version: number;
  id: string;
  type: string;
  time: number;
  correlationId: string;
  body: string;
}
