import { expect } from 'chai';
import type { FlotillaError } from '../../../../src/errors.js';
import { PendingChange } from '../../../../src/store/pending-change.js';
import type { Store } from '../../../../src/store/store.js';
import { codeOf, eventOf } from '../../../contract/store-events.js';
import { eventually } from '../../../support/eventually.js';
import { HeldSyncs } from '../../support/held-syncs.js';
import { createTempStore, type TempStore } from '../../support/temp-store.js';

const key = { consumer: 'payment', source: 'core', id: '019f0000-0000-7000-8000-000000000001' };

describe('durable commits of a SQLite store', () => {
  let temp: TempStore;
  let store: Store;
  let other: Store;
  let failure: FlotillaError | undefined;
  let syncs: HeldSyncs;
  const settled: string[] = [];

  beforeEach(async () => {
    failure = undefined;
    settled.length = 0;
    temp = await createTempStore();
    syncs = new HeldSyncs();
    const opening = Promise.all([temp.open({ onFailure: (error) => (failure = error) }), temp.open()]);
    await syncs.releaseUntil(opening);
    [store, other] = await opening;
  });
  afterEach(async () => {
    syncs.restore();
    await temp.dispose();
  });

  const note = (name: string, promise: Promise<unknown>) => {
    void promise.then(
      () => settled.push(name),
      () => settled.push(`${name} rejected`),
    );
    return promise;
  };

  it('settle after the sync that follows them', async () => {
    const append = note('append', store.append('x/1', 'none', [eventOf('x/1')]));
    const transaction = note(
      'transaction',
      store.transaction((tx) => tx.markHandled(key)),
    );
    await eventually(() => syncs.count === 1);
    expect(settled).to.deep.equal([]);
    syncs.release();
    await Promise.all([append, transaction]);
    expect(store.health().commits).to.equal(1);
  });

  it('settle in order, at most 64 before other callbacks run', async () => {
    const names = Array.from({ length: 150 }, (_, n) => `x/${n}`);
    const all = Promise.all(names.map((name) => note(name, store.append(name, 'none', [eventOf(name)]))));
    await eventually(() => syncs.count > 0);
    const released = syncs.releaseUntil(all);
    let [seen, most] = [0, 0];
    while (seen < names.length) {
      await new Promise(setImmediate);
      most = Math.max(most, settled.length - seen);
      seen = settled.length;
    }
    await released;
    expect(most).to.be.within(1, 64);
    expect(settled).to.deep.equal(names);
  });

  it('are prepared while an earlier one is synced, and the rest waits for company', async () => {
    const first = note('first', store.append('x/1', 'none', [eventOf('x/1')]));
    await eventually(() => syncs.count === 1);
    const second = note('second', store.append('x/2', 'none', [eventOf('x/2')]));
    await eventually(async () => (await visible()) === 2);
    const rest = ['x/3', 'x/4', 'x/5'].map((name) => note(name, store.append(name, 'none', [eventOf(name)])));
    await new Promise(setImmediate);
    expect(await visible()).to.equal(2);
    expect(settled).to.deep.equal([]);
    syncs.release();
    await first;
    await eventually(async () => (await visible()) === 5);
    expect(settled).to.deep.equal(['first']);
    await syncs.releaseUntil(Promise.all([second, ...rest]));
    expect(store.health().commits).to.equal(3);
  });

  it('follow each other without a sync if each waits only for the one before to be committed', async () => {
    const chain = (n: number): Promise<unknown> => {
      const change = new PendingChange();
      void change.committed().then(() => n < 5 && chain(n + 1));
      return note(
        `change ${n}`,
        store.transaction((tx) => tx.append(`x/${n}`, 'none', [eventOf(`x/${n}`)]), { change }),
      );
    };
    const first = chain(1);
    await eventually(async () => (await visible()) === 5);
    expect(settled).to.deep.equal([]);
    await syncs.releaseUntil(first);
    await syncs.releaseUntil(eventually(() => settled.length === 5));
  });

  it('do not count as committed if they are rolled back', async () => {
    const changes = [new PendingChange(), new PendingChange()] as const;
    const failed = note(
      'failed',
      store.transaction(() => Promise.reject(new Error('no')), { change: changes[0] }),
    );
    const other = note('other', store.markHandled(key, { change: changes[1] }));
    await syncs.releaseUntil(Promise.allSettled([failed, other]));
    expect(settled).to.deep.equal(['failed rejected', 'other']);
    expect(changes.map(({ isCommitted }) => isCommitted)).to.deep.equal([false, true]);
  });

  /** The number of visible events, durable or not. */
  const visible = async () => {
    const before = syncs.count;
    const events = (await other.stats()).events;
    expect(syncs.count).to.equal(before);
    return events;
  };

  it('are returned to readers of this and of other processes after a sync', async () => {
    const append = note('append', store.append('x/1', 'none', [eventOf('x/1')]));
    await eventually(() => syncs.count === 1);
    const reads = [
      note('readAll', other.readAll(0)),
      note('read', other.read('x/1')),
      note('query', other.query`SELECT count(*) AS n FROM flotilla_events`),
      note('own read', store.readAll(0)),
    ];
    await eventually(() => syncs.count === 2);
    expect(settled).to.deep.equal([]);
    await syncs.releaseUntil(Promise.all([append, ...reads]));
    const count = syncs.count;
    expect(await other.readAll(0)).to.have.length(1);
    expect(syncs.count).to.equal(count); // nothing was committed meanwhile
  });

  it('are visible to a peek before the sync', async () => {
    const append = note('append', store.append('x/1', 'none', [eventOf('x/1')]));
    await eventually(() => syncs.count === 1);
    for (const each of [store, other])
      expect(await each.peek`SELECT count(*) AS n FROM flotilla_events`).to.deep.equal([{ n: 1 }]);
    expect(settled).to.deep.equal([]);
    await syncs.releaseUntil(append);
  });

  it('count as handled after a sync, and as not handled at once', async () => {
    const handled = note('handled', store.markHandled(key));
    await eventually(() => syncs.count === 1);
    expect(await other.handled({ ...key, consumer: 'email' })).to.equal(false);
    const known = note('known', other.handled(key));
    await eventually(() => syncs.count === 2);
    expect(settled).to.deep.equal([]);
    await syncs.releaseUntil(Promise.all([handled, known]));
    expect(await known).to.equal(true);
  });

  it('of leases, their checkpoints and starts need no sync', async () => {
    const lease = await store.acquireLease('relay', 'a', 1000);
    expect(lease).not.to.equal(undefined);
    if (lease !== undefined) expect(await store.moveLeasedCheckpoint(lease, 0, 0)).to.equal(true);
    expect(await store.recordStart(key)).to.equal(1);
    await store.clearStarts(key);
    expect(syncs.count).to.equal(0);
  });

  it('are rejected with store.sync_failed after a failed sync, as is every later call', async () => {
    const append = codeOf(store.append('x/1', 'none', [eventOf('x/1')]));
    await eventually(() => syncs.count === 1);
    const waiting = codeOf(store.append('x/2', 'none', [eventOf('x/2')]));
    syncs.fail();
    expect([await append, await waiting]).to.deep.equal(['store.sync_failed', 'store.sync_failed']);
    expect(failure?.code).to.equal('store.sync_failed');
    expect(await codeOf(store.append('x/3', 'none', [eventOf('x/3')]))).to.equal('store.sync_failed');
    expect(await codeOf(store.readAll(0))).to.equal('store.sync_failed');
  });
});
