import { expect } from 'chai';
import { newId } from '../../src/events/ids.js';
import { ConflictError } from '../../src/store/conflict-error.js';
import { PendingChange } from '../../src/store/pending-change.js';
import type { ChangeOptions, Store } from '../../src/store/store.js';
import { eventually } from '../support/eventually.js';
import { codeOf, eventOf } from './store-events.js';
import { archiveContract } from './store-archive.js';
import { readingContract } from './store-reading.js';
import { snapshotContract } from './store-snapshots.js';

/** An empty database that several stores can open. */
export interface StoreDatabase {
  open(options?: { clock?: () => number; maxWaiting?: number }): Promise<Store>;
  /** Closes the opened stores and removes the database. */
  dispose(): Promise<void>;
}

/** Tests of every implementation of `Store`. `shared`: the database is persistent, several stores may have it open, and
 *  an archive belongs to it; without it, the tests of these properties are left out. */
export function storeContract(
  name: string,
  create: () => Promise<StoreDatabase>,
  { shared = true }: { shared?: boolean } = {},
): void {
  describe(`store contract: ${name}`, () => {
    let database: StoreDatabase;
    let store: Store;
    let now: number;

    beforeEach(async () => {
      now = 1_000_000;
      database = await create();
      store = await database.open({ clock: () => now });
    });
    afterEach(() => database.dispose());

    it('has a unique id', async () => {
      expect(store.id).to.match(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
      const other = await create();
      expect((await other.open()).id).not.to.equal(store.id);
      await other.dispose();
      if (shared) expect((await database.open()).id).to.equal(store.id);
    });

    describe('append', () => {
      it('numbers the events of a stream from 1, and all events by increasing positions', async () => {
        expect(await store.append('order/1', 'none', [eventOf('order/1'), eventOf('order/1')])).to.deep.equal({
          version: 2,
          appended: 2,
        });
        await store.append('order/2', 'none', [eventOf('order/2')]);
        expect(await store.append('order/1', 2, [eventOf('order/1')])).to.deep.equal({ version: 3, appended: 1 });
        expect((await store.read('order/1')).map(({ version }) => version)).to.deep.equal([1, 2, 3]);
        const all = await store.readAll(0);
        expect(all.map(({ stream }) => stream)).to.deep.equal(['order/1', 'order/1', 'order/2', 'order/1']);
        const positions = all.map(({ position }) => position);
        expect(positions).to.deep.equal([...new Set(positions)].sort((a, b) => a - b));
        expect(await store.head()).to.equal(positions.at(-1));
      });

      it('stores the complete event, with its sequence', async () => {
        const event = eventOf('order/1', {
          causationid: newId(),
          traceparent: '00-a-b-01',
          data: { name: 'Zoë ✓ 😀' },
        });
        await store.append('order/1', 'none', [event]);
        const [stored] = await store.read('order/1');
        expect(stored?.event).to.deep.equal({ ...event, sequence: '1' });
        expect(stored).to.include({ id: event.id, type: event.type, correlationId: event.correlationid });
        expect(stored?.time).to.equal(Date.parse(event.time));
      });

      it('rejects an append with a wrong expected version, and commits others of the same group', async () => {
        await store.append('order/1', 'none', [eventOf('order/1')]);
        const results = await Promise.allSettled([
          store.append('order/2', 'none', [eventOf('order/2')]),
          store.append('order/1', 'none', [eventOf('order/1')]),
          store.append('order/1', 7, [eventOf('order/1'), eventOf('order/1')]),
          store.append('order/9', 1, [eventOf('order/9')]),
          store.append('order/1', 1, [eventOf('order/1')]),
          store.append('order/3', 'any', [eventOf('order/3')]),
        ]);
        expect(results.map(({ status }) => status)).to.deep.equal([
          'fulfilled',
          'rejected',
          'rejected',
          'rejected',
          'fulfilled',
          'fulfilled',
        ]);
        for (const result of results) {
          if (result.status === 'rejected') expect(result.reason).to.include({ code: 'store.conflict' });
        }
        expect(await store.readAll(0)).to.have.length(4);
      });

      it('reports the current version of the stream in a conflict', async () => {
        await store.append('order/1', 'none', [eventOf('order/1'), eventOf('order/1')]);
        const conflictOf = (promise: Promise<unknown>) => promise.then(undefined, (error: unknown) => error);
        const late = await conflictOf(store.append('order/1', 1, [eventOf('order/1')]));
        expect(late).to.be.instanceOf(ConflictError);
        expect(late).to.include({ stream: 'order/1', expected: 1, actual: 2 });
        const early = await conflictOf(store.transaction((tx) => tx.append('order/2', 7, [eventOf('order/2')])));
        expect(early).to.include({ code: 'store.conflict', stream: 'order/2', expected: 7, actual: 0 });
      });

      it('accepts exactly one of several concurrent appends with the same expected version', async () => {
        const results = await Promise.allSettled(
          [1, 2, 3].map(() => store.append('order/1', 'none', [eventOf('order/1')])),
        );
        expect(results.filter(({ status }) => status === 'fulfilled')).to.have.length(1);
        expect(await store.read('order/1')).to.have.length(1);
      });

      it('treats the same events as duplicates, also after further events', async () => {
        const events = [eventOf('order/1'), eventOf('order/1')];
        await store.append('order/1', 'none', events);
        expect(await store.append('order/1', 'none', events)).to.deep.equal({ version: 2, appended: 0 });
        await store.append('order/1', 2, [eventOf('order/1')]);
        expect(await store.append('order/1', 'none', events)).to.deep.equal({ version: 3, appended: 0 });
        expect(await store.append('order/1', 'any', [...events, eventOf('order/1')])).to.deep.equal({
          version: 4,
          appended: 1,
        });
        expect((await store.read('order/1')).map(({ version }) => version)).to.deep.equal([1, 2, 3, 4]);
      });

      it('preserves ids that are not UUIDs', async () => {
        const event = eventOf('order/1', { id: 'Not-A-UUID', correlationid: 'request 7' });
        await store.append('order/1', 'none', [event]);
        expect(await store.append('order/1', 'none', [event])).to.include({ appended: 0 });
        const [stored] = await store.readAll(0, 10, { correlationId: 'request 7' });
        expect(stored).to.include({ id: 'Not-A-UUID', correlationId: 'request 7' });
      });
    });

    describe('reading', () => {
      it('returns a stream from a version on, and all events from a position on, in pages', async () => {
        await store.append(
          's/1',
          'none',
          Array.from({ length: 5 }, () => eventOf('s/1')),
        );
        expect((await store.read('s/1', 2)).map(({ version }) => version)).to.deep.equal([3, 4, 5]);
        expect((await store.read('s/1', 0, 2)).map(({ version }) => version)).to.deep.equal([1, 2]);
        expect(await store.read('s/none')).to.deep.equal([]);
        const first = await store.readAll(0, 3);
        const rest = await store.readAll(first.at(-1)?.position ?? 0, 3);
        expect([...first, ...rest].map(({ version }) => version)).to.deep.equal([1, 2, 3, 4, 5]);
        expect(await store.readAll(await store.head())).to.deep.equal([]);
      });

      it('filters by type, pattern, subject, correlation and time', async () => {
        const day = (d: number) => `2026-01-0${d}T00:00:00.000Z`;
        await store.append('a/1', 'none', [
          eventOf('a/1', { type: 'order.created', correlationid: 'one', time: day(1) }),
          eventOf('a/1', { type: 'payment.failed', correlationid: 'two', time: day(2) }),
        ]);
        await store.append('a/2', 'none', [
          eventOf('a/2', { type: 'order.status_changed', correlationid: 'one', time: day(3) }),
        ]);
        const types = async (filter: Parameters<Store['readAll']>[2]) =>
          (await store.readAll(0, 100, filter)).map(({ type }) => type);
        expect(await types({ type: 'payment.failed' })).to.deep.equal(['payment.failed']);
        expect(await types({ type: 'order.*' })).to.deep.equal(['order.created', 'order.status_changed']);
        expect(await types({ type: ['payment.failed', 'order.created'] })).to.deep.equal([
          'order.created',
          'payment.failed',
        ]);
        expect(await types({ type: ['*.failed', 'order.status_changed', 'nothing.*'] })).to.deep.equal([
          'payment.failed',
          'order.status_changed',
        ]);
        expect(await types({ type: [] })).to.deep.equal([]);
        expect(await types({ type: 'nothing.*' })).to.deep.equal([]);
        expect(await types({ subject: 'a/2' })).to.deep.equal(['order.status_changed']);
        expect(await types({ correlationId: 'one' })).to.deep.equal(['order.created', 'order.status_changed']);
        expect(await types({ since: day(2) })).to.deep.equal(['payment.failed', 'order.status_changed']);
        expect(await types({ until: day(2) })).to.deep.equal(['order.created']);
        expect(await types({ type: '#', subject: 'a/1', since: day(1), until: day(2) })).to.deep.equal([
          'order.created',
        ]);
      });
    });

    describe('transaction', () => {
      beforeEach(() =>
        store.migrate('test', [
          { name: 'stock', sql: 'CREATE TABLE stock (sku TEXT PRIMARY KEY, quantity INTEGER NOT NULL)' },
        ]),
      );

      it('commits events, inbox row and tables atomically, and reads its own writes', async () => {
        const key = { consumer: 'inventory', source: 'core', id: newId() };
        const seen = await store.transaction(async (tx) => {
          expect(await tx.markHandled(key)).to.equal(true);
          await tx.sql`INSERT INTO stock (sku, quantity) VALUES (${'item_1'}, ${3})`;
          await tx.append('stock/item_1', 'none', [eventOf('stock/item_1')]);
          expect(await tx.read('stock/item_1')).to.have.length(1);
          expect(await tx.read('stock/item_1', 0, 0)).to.have.length(0);
          const [row] = await tx.sql<{ quantity: number }>`SELECT quantity FROM stock WHERE sku = ${'item_1'}`;
          return row?.quantity;
        });
        expect(seen).to.equal(3);
        expect(await store.handled(key)).to.equal(true);
        expect(await store.query`SELECT sku, quantity FROM stock`).to.deep.equal([{ sku: 'item_1', quantity: 3 }]);
        expect(await store.read('stock/item_1')).to.have.length(1);
      });

      it('rolls back all writes of work that throws, and none of others in the same group', async () => {
        const key = { consumer: 'inventory', source: 'core', id: newId() };
        const results = await Promise.allSettled([
          store.transaction((tx) => tx.sql`INSERT INTO stock (sku, quantity) VALUES ('a', 1)`),
          store.transaction(async (tx) => {
            await tx.markHandled(key);
            await tx.append('x/1', 'none', [eventOf('x/1', { type: 'fresh.type' })]);
            await tx.sql`INSERT INTO stock (sku, quantity) VALUES ('b', 1)`;
            throw new Error('no');
          }),
          store.transaction((tx) => tx.sql`INSERT INTO stock (sku, quantity) VALUES ('c', 1)`),
          store.append('x/2', 'none', [eventOf('x/2')]),
          store.append('x/1', 'none', [eventOf('x/1', { type: 'fresh.type' })]),
        ]);
        expect(results.map(({ status }) => status)).to.deep.equal([
          'fulfilled',
          'rejected',
          'fulfilled',
          'fulfilled',
          'fulfilled',
        ]);
        expect(await store.query`SELECT sku FROM stock ORDER BY sku`).to.deep.equal([{ sku: 'a' }, { sku: 'c' }]);
        expect(await store.handled(key)).to.equal(false);
        expect((await store.readAll(0)).map(({ stream, type }) => [stream, type])).to.deep.equal([
          ['x/2', 'order.created'],
          ['x/1', 'fresh.type'],
        ]);
      });

      it('continues when the work catches a conflict', async () => {
        await store.append('x/1', 'none', [eventOf('x/1')]);
        const version = await store.transaction(async (tx) => {
          expect(await codeOf(tx.append('x/1', 'none', [eventOf('x/1')]))).to.equal('store.conflict');
          return (await tx.append('x/1', 1, [eventOf('x/1')])).version;
        });
        expect(version).to.equal(2);
      });

      it('accepts SQL with RETURNING and ON CONFLICT, and large numbers', async () => {
        const upsert = (quantity: number) =>
          store.transaction(
            (tx) => tx.sql<{ quantity: number }>`
              INSERT INTO stock (sku, quantity) VALUES (${'a'}, ${quantity})
              ON CONFLICT (sku) DO UPDATE SET quantity = stock.quantity + excluded.quantity RETURNING quantity`,
          );
        expect(await upsert(2)).to.deep.equal([{ quantity: 2 }]);
        expect(await upsert(3)).to.deep.equal([{ quantity: 5 }]);
        expect(await store.transaction((tx) => tx.sql`UPDATE stock SET quantity = ${2 ** 40}`)).to.deep.equal([]);
        expect(await store.query`SELECT quantity FROM stock`).to.deep.equal([{ quantity: 2 ** 40 }]);
      });

      it('rejects writes by a query outside of a transaction', async () => {
        for (const read of [store.query, store.peek])
          expect(await codeOf(read`INSERT INTO stock (sku, quantity) VALUES ('a', 1)`)).to.not.equal('resolved');
        expect(await store.query`SELECT * FROM stock`).to.deep.equal([]);
      });

      it('rejects only the work that violates a constraint', async () => {
        const insert = () => store.transaction((tx) => tx.sql`INSERT INTO stock (sku, quantity) VALUES ('a', 1)`);
        const results = await Promise.allSettled([insert(), insert(), store.append('x/1', 'none', [eventOf('x/1')])]);
        expect(results.map(({ status }) => status)).to.deep.equal(['fulfilled', 'rejected', 'fulfilled']);
      });

      it('rolls back work that awaits anything else, revokes its transaction, and commits the others', async () => {
        let later: Promise<unknown> | undefined;
        const slow = store.transaction(async (tx) => {
          await tx.sql`INSERT INTO stock (sku, quantity) VALUES ('slow', 1)`;
          later = new Promise((resolve) => setTimeout(resolve, 5)).then(() =>
            codeOf(tx.sql`INSERT INTO stock (sku, quantity) VALUES ('late', 1)`),
          );
          await later;
        });
        const others = ['a', 'b'].map((sku) =>
          store.transaction((tx) => tx.sql`INSERT INTO stock (sku, quantity) VALUES (${sku}, 1)`),
        );
        expect(await codeOf(slow)).to.equal('store.write_awaited');
        await Promise.all(others);
        expect(await later).to.equal('store.revoked');
        expect(await store.query`SELECT sku FROM stock ORDER BY sku`).to.deep.equal([{ sku: 'a' }, { sku: 'b' }]);
      });

      it('commits a change after the one on which it depends, and rejects it if that one is rolled back', async () => {
        const [kept, failed, next] = [new PendingChange(), new PendingChange(), new PendingChange()];
        const append = (stream: string, options: ChangeOptions) =>
          store.transaction((tx) => tx.append(stream, 'none', [eventOf(stream)]), options);
        const settled = await Promise.allSettled([
          append('a/1', { change: kept }),
          append('a/2', { after: kept }),
          store.transaction(() => Promise.reject(new Error('no')), { change: failed }),
          append('a/3', { change: next, after: failed }),
          append('a/4', { after: next }),
          append('a/5', {}),
        ]);
        const codeOrKept = (each: PromiseSettledResult<unknown>) =>
          each.status === 'rejected' ? ((each.reason as { code?: string }).code ?? 'Error') : 'kept';
        expect(settled.map(codeOrKept)).to.deep.equal([
          'kept',
          'kept',
          'Error',
          'store.predecessor_failed',
          'store.predecessor_failed',
          'kept',
        ]);
        expect((await store.readAll(0)).map(({ stream }) => stream)).to.deep.equal(['a/1', 'a/2', 'a/5']);
        expect([kept, failed, next].map(({ isCommitted }) => isCommitted)).to.deep.equal([true, false, false]);
      });

      it('rejects a change that depends on one of a group that cannot be committed', async () => {
        await store.migrate('t', [
          {
            name: 'deferred',
            sql: `create table parents (id integer primary key);
              create table children (parent bigint references parents (id) deferrable initially deferred)`,
          },
        ]);
        const orphan = new PendingChange();
        const settled = await Promise.allSettled([
          store.append('b/1', 'none', [eventOf('b/1')]),
          store.transaction(({ sql }) => sql`insert into children (parent) values (7)`, { change: orphan }),
          store.transaction((tx) => tx.append('b/2', 'none', [eventOf('b/2')]), { after: orphan }),
        ]);
        expect(settled.map(({ status }) => status)).to.deep.equal(['fulfilled', 'rejected', 'rejected']);
        expect((await store.readAll(0)).map(({ stream }) => stream)).to.deep.equal(['b/1']);
      });

      it('revokes a transaction after its work has returned', async () => {
        const leaked = await store.transaction((tx) => Promise.resolve({ tx }));
        expect(await codeOf(leaked.tx.append('x/1', 'any', [eventOf('x/1')]))).to.equal('store.revoked');
        expect(await codeOf(leaked.tx.sql`SELECT 1`)).to.equal('store.revoked');
      });

      it('rejects with store.overloaded when too many writes wait, and accepts writes afterwards', async () => {
        const small = await database.open({ maxWaiting: 2 });
        const codes = await Promise.all(
          [1, 2, 3].map((n) => codeOf(small.append(`x/${n}`, 'none', [eventOf(`x/${n}`)]))),
        );
        expect(codes).to.deep.equal(['resolved', 'resolved', 'store.overloaded']);
        expect(await codeOf(small.append('x/3', 'none', [eventOf('x/3')]))).to.equal('resolved');
      });
    });

    readingContract(() => store, { archive: shared });
    snapshotContract(() => store);

    if (shared) {
      archiveContract(
        () => store,
        () => database.open(),
      );
      sharingContract(
        () => store,
        () => database.open(),
      );
    }

    describe('inbox', () => {
      const key = { consumer: 'payment', source: 'core', id: newId() };

      it('claims an event once per consumer and source', async () => {
        const claim = (over: Partial<typeof key>) => store.transaction((tx) => tx.markHandled({ ...key, ...over }));
        expect(await claim({})).to.equal(true);
        expect(await claim({})).to.equal(false);
        expect(await claim({ consumer: 'email' })).to.equal(true);
        expect(await claim({ source: 'other' })).to.equal(true);
        expect(await claim({ id: 'no uuid' })).to.equal(true);
        expect(await claim({ id: 'no uuid' })).to.equal(false);
      });

      it('counts starts until the event is claimed', async () => {
        expect(await store.recordStart(key)).to.equal(1);
        expect(await store.recordStart(key)).to.equal(2);
        expect(await store.recordStart({ ...key, id: newId() })).to.equal(1);
        await store.transaction((tx) => tx.markHandled(key));
        expect(await store.recordStart(key)).to.equal(1);
      });

      it('clears the starts of a failed message, and of no other', async () => {
        const other = { ...key, id: newId() };
        await store.recordStart(key);
        await store.recordStart(other);
        await store.clearStarts(key);
        expect(await store.recordStart(key)).to.equal(1);
        expect(await store.recordStart(other)).to.equal(2);
      });

      it('forgets the handled events of one consumer, from every source, in a transaction', async () => {
        const claim = (over: Partial<typeof key>) => store.markHandled({ ...key, ...over });
        const others = [{ consumer: 'payment2' }, { consumer: 'payment:replay:1' }, { consumer: 'pay' }];
        for (const over of [{}, { source: 'other' }, ...others]) await claim(over);
        await store.recordStart({ ...key, id: 'started' });
        await store
          .transaction(async (tx) => {
            await tx.forgetHandled('payment');
            throw new Error('undone');
          })
          .catch(() => undefined);
        expect(await store.handled(key)).to.equal(true);
        expect(await store.transaction((tx) => tx.forgetHandled('payment'))).to.equal(2);
        expect(await store.handled(key)).to.equal(false);
        expect(await store.handled({ ...key, source: 'other' })).to.equal(false);
        for (const over of others) expect(await store.handled({ ...key, ...over })).to.equal(true);
        expect(await store.recordStart({ ...key, id: 'started' })).to.equal(1);
        expect(await claim({})).to.equal(true);
        expect(await store.transaction((tx) => tx.forgetHandled('nobody'))).to.equal(0);
      });

      it('purges older entries in batches, and keeps the others', async () => {
        const ids = Array.from({ length: 4_500 }, () => newId());
        await Promise.all(ids.map((id) => store.transaction((tx) => tx.markHandled({ ...key, id }))));
        await store.recordStart({ ...key, id: 'started' });
        now += 10;
        await store.transaction((tx) => tx.markHandled(key));
        expect(await store.purgeInbox(now)).to.equal(4_501);
        expect(await store.handled(key)).to.equal(true);
        expect(await store.handled({ ...key, id: ids[0] ?? '' })).to.equal(false);
        expect(await store.purgeInbox(now)).to.equal(0);
      });
    });

    describe('checkpoints and leases', () => {
      it('moves a checkpoint only from its current position', async () => {
        const move = (from: number, to: number) => store.transaction((tx) => tx.moveCheckpoint('view', from, to));
        expect(await store.checkpoint('view')).to.equal(0);
        expect(await move(0, 5)).to.equal(true);
        expect(await move(0, 9)).to.equal(false);
        expect(await store.checkpoint('view')).to.equal(5);
      });

      it('grants a lease to one holder at a time, and a higher epoch to the next', async () => {
        const first = await store.acquireLease('relay', 'a', 100);
        expect(first).to.deep.equal({ name: 'relay', holder: 'a', epoch: 1 });
        expect(await store.acquireLease('relay', 'b', 100)).to.equal(undefined);
        now += 90;
        expect(await store.acquireLease('relay', 'a', 100)).to.include({ epoch: 1 });
        now += 90;
        expect(await store.acquireLease('relay', 'b', 100)).to.equal(undefined);
        now += 10;
        expect(await store.acquireLease('relay', 'b', 100)).to.include({ holder: 'b', epoch: 2 });
        expect(await store.acquireLease('relay', 'a', 100)).to.equal(undefined);
      });

      it('grants the lease of a holder that has ended, and of no other', async () => {
        await store.acquireLease('relay', 'a', 60_000);
        expect(await store.acquireLease('relay', 'b', 60_000, 'c')).to.equal(undefined);
        expect(await store.acquireLease('relay', 'b', 60_000, 'a')).to.include({ holder: 'b', epoch: 2 });
        expect(await store.acquireLease('relay', 'a', 60_000, 'c')).to.equal(undefined);
      });

      it('treats a lease as expired if it was acquired before the clock was set back', async () => {
        const first = await store.acquireLease('relay', 'a', 100);
        if (first === undefined) throw new Error('not acquired');
        now -= 3_600_000;
        expect(await store.acquireLease('relay', 'b', 100)).to.include({ holder: 'b', epoch: 2 });
        expect(await store.acquireLease('relay', 'a', 100)).to.equal(undefined);
        expect(await store.moveLeasedCheckpoint(first, 0, 1)).to.equal(false);
      });

      it('limits a lease to twice its duration after the clock was set back by less than that', async () => {
        await store.acquireLease('relay', 'a', 100);
        now -= 99;
        expect(await store.acquireLease('relay', 'b', 100)).to.include({ holder: 'b' });
        now += 100;
        await store.acquireLease('relay', 'c', 100);
        now += 60;
        now -= 50;
        expect(await store.acquireLease('relay', 'b', 100)).to.equal(undefined);
        now += 90;
        expect(await store.acquireLease('relay', 'b', 100)).to.include({ holder: 'b' });
      });

      it('transfers a lease at most once when the clock is set forward', async () => {
        await store.acquireLease('relay', 'a', 100);
        now += 3_600_000;
        expect(await store.acquireLease('relay', 'b', 100)).to.include({ epoch: 2 });
        expect(await store.acquireLease('relay', 'a', 100)).to.equal(undefined);
        expect(await store.acquireLease('relay', 'b', 100)).to.include({ epoch: 2 });
      });

      it('expires a lease by the duration of its holder, not by that of another attempt', async () => {
        await store.acquireLease('relay', 'a', 60_000);
        expect(await store.acquireLease('relay', 'b', 100)).to.equal(undefined);
        now -= 1;
        expect(await store.acquireLease('relay', 'b', 120_000)).to.include({ holder: 'b' });
      });

      it('reports contended leases without a holder, except for leases that it released', async () => {
        expect(store.health()).to.include({ failure: undefined });
        const lease = await store.acquireLease('relay', 'a', 0);
        await eventually(() => store.health().vacant.some(({ name }) => name === 'relay'));
        if (lease !== undefined) await store.releaseLease(lease);
        expect(store.health().vacant).to.deep.equal([]);
      });

      it('grants a released lease immediately, and ignores a release by a former holder', async () => {
        const first = await store.acquireLease('relay', 'a', 100);
        if (first === undefined) throw new Error('not acquired');
        await store.releaseLease(first);
        expect(await store.acquireLease('relay', 'b', 100)).to.include({ epoch: 2 });
        await store.releaseLease(first);
        expect(await store.acquireLease('relay', 'a', 100)).to.equal(undefined);
      });

      it('reports whether a lease is held: until it is released, or its time is over', async () => {
        expect(await store.isLeaseHeld('relay', now)).to.equal(false);
        const lease = await store.acquireLease('relay', 'a', 1_000);
        expect(await store.isLeaseHeld('relay', now)).to.equal(true);
        expect(await store.isLeaseHeld('relay', now + 1_000)).to.equal(false);
        if (lease !== undefined) await store.releaseLease(lease);
        expect(await store.isLeaseHeld('relay', now)).to.equal(false);
      });

      it('moves a leased checkpoint for the current epoch only', async () => {
        const old = await store.acquireLease('relay', 'a', 100);
        if (old === undefined) throw new Error('not acquired');
        expect(await store.moveLeasedCheckpoint(old, 0, 4)).to.equal(true);
        expect(await store.moveLeasedCheckpoint(old, 0, 6)).to.equal(false);
        now += 100;
        const next = await store.acquireLease('relay', 'b', 100);
        if (next === undefined) throw new Error('not acquired');
        expect(await store.moveLeasedCheckpoint(old, 4, 8)).to.equal(false);
        expect(await store.moveLeasedCheckpoint(next, 4, 5)).to.equal(true);
        expect(await store.checkpoint('relay')).to.equal(5);
      });
    });

    describe('timers', () => {
      const timer = (id: string, dueAt: number) => ({ id, dueAt, event: eventOf('t/1', { type: 'order.expired' }) });

      it('turns a due timer into one event with its due time', async () => {
        const late = timer('late', 9_000);
        const due = timer('due', 5_000);
        await store.transaction(async (tx) => {
          await tx.schedule(late);
          await tx.schedule(due);
          await tx.schedule({ ...due, dueAt: 1 });
        });
        expect(await store.nextTimer()).to.equal(5_000);
        expect(await store.fireTimers(4_999)).to.equal(0);
        expect(await Promise.all([store.fireTimers(5_000), store.fireTimers(5_000)])).to.have.members([1, 0]);
        const [stored] = await store.readAll(0);
        expect(stored?.event).to.deep.equal({ ...due.event, time: new Date(5_000).toISOString(), sequence: '1' });
        expect(await store.nextTimer()).to.equal(9_000);
        expect(await store.fireTimers(10_000)).to.equal(1);
        expect(await store.nextTimer()).to.equal(undefined);
      });

      it('cancels a timer, and fires at most the requested number', async () => {
        await store.transaction(async (tx) => {
          for (const id of ['a', 'b', 'c', 'd']) await tx.schedule(timer(id, 10));
          expect(await tx.cancelTimer('a')).to.equal(true);
          expect(await tx.cancelTimer('a')).to.equal(false);
        });
        expect(await store.fireTimers(10, 2)).to.equal(2);
        expect(await store.fireTimers(10, 2)).to.equal(1);
      });
    });

    describe('migrations', () => {
      const table = (name: string) => ({
        name,
        sql: `CREATE TABLE ${name} (x INTEGER); INSERT INTO ${name} VALUES (1);`,
      });

      it('run once per owner, and only new ones later', async () => {
        await store.migrate('a', [table('one')]);
        await Promise.all([1, 2].map(() => store.migrate('a', [table('one'), table('two')])));
        expect(await store.query`SELECT one.x, two.x AS y FROM one, two`).to.deep.equal([{ x: 1, y: 1 }]);
      });

      it('are rejected if their text changed, and rolled back if they fail', async () => {
        await store.migrate('a', [table('one')]);
        expect(await codeOf(store.migrate('a', [{ name: 'one', sql: 'SELECT 1' }]))).to.equal(
          'store.migration_changed',
        );
        const failing = { name: 'two', sql: 'CREATE TABLE two (x INTEGER); INSERT INTO nowhere VALUES (1);' };
        expect(await codeOf(store.migrate('a', [failing]))).to.not.equal('resolved');
        await store.migrate('a', [table('two')]);
        expect(await store.query`SELECT x FROM two`).to.deep.equal([{ x: 1 }]);
      });
    });

    describe('notifications, shutdown and statistics', () => {
      it('notifies of new events', async () => {
        await notified(store, () => store.append('x/1', 'any', [eventOf('x/1')]));
      });

      it('notifies the listeners of a topic after the commit', async () => {
        const heard: string[] = [];
        for (const topic of ['a', 'b']) store.onNotify(topic, () => heard.push(topic));
        await notifiedOf(store, 'a', () => store.transaction((tx) => tx.notify('a')));
        expect(heard).to.deep.equal(['a']);
      });

      it('on close, commits waiting writes and rejects new ones', async () => {
        const waiting = [1, 2, 3].map((n) => store.append(`x/${n}`, 'none', [eventOf(`x/${n}`)]));
        await store.close();
        await store.close();
        await Promise.all(waiting);
        expect(await codeOf(store.append('x/4', 'none', [eventOf('x/4')]))).to.equal('store.closed');
        expect(await codeOf(store.head())).to.equal('store.closed');
      });

      it('reports the number of events, timers and waiting writes, and its size', async () => {
        await store.append('x/1', 'none', [eventOf('x/1')]);
        const stats = await store.stats();
        expect(stats).to.include({ events: 1, timers: 0, waiting: 0 });
        expect(stats.bytes).to.be.greaterThan(0);
      });
    });
  });
}

/** Resolves when a store notifies of new events. */
function notified(who: Store, act: () => Promise<unknown>): Promise<void> {
  return called((listener) => who.onAppend(listener), act);
}

/** Resolves when a store notifies of a topic. */
function notifiedOf(who: Store, topic: string, act: () => Promise<unknown>): Promise<void> {
  return called((listener) => who.onNotify(topic, listener), act);
}

function called(register: (listener: () => void) => () => void, act: () => Promise<unknown>): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    const stop = register(() => {
      stop();
      resolve();
    });
    act().catch(reject);
  });
}

/** Tests of several stores that open one database, in sequence or at the same time. */
function sharingContract(store: () => Store, open: () => Promise<Store>): void {
  describe('several stores with one database', () => {
    it('run a migration once', async () => {
      const migration = { name: 'one', sql: 'CREATE TABLE one (x INTEGER); INSERT INTO one VALUES (1);' };
      const other = await open();
      await Promise.all([other, store()].map((each) => each.migrate('a', [migration])));
      expect(await store().query`SELECT x FROM one`).to.deep.equal([{ x: 1 }]);
    });

    it('notify each other of new events', async () => {
      const other = await open();
      await notified(other, () => store().append('x/1', 'any', [eventOf('x/1')]));
    });

    it('notify each other of topics', async () => {
      const other = await open();
      for (let n = 0; n < 3; n++) {
        await notifiedOf(other, 'a', () => store().transaction((tx) => tx.notify('a')));
      }
    });

    it('read the writes that waited when another store was closed', async () => {
      const waiting = [1, 2, 3].map((n) => store().append(`x/${n}`, 'none', [eventOf(`x/${n}`)]));
      await store().close();
      await Promise.all(waiting);
      expect(await (await open()).readAll(0)).to.have.length(3);
    });
  });
}
