import { expect } from 'chai';
import fc from 'fast-check';
import { createTempStore, type TempStore } from '../store/support/temp-store.js';
import type { Store } from '../../src/store/store.js';
import type { AccountCommand } from '../../platform/accounts/account.js';
import { accountEvery, deposit, fill, handleIn, handleInTx, load, open, withdraw } from './support/accounts.js';

/** A store that counts the events it returns. */
function counting(store: Store) {
  const given = { events: 0 };
  const reader = {
    snapshot: (stream: string) => store.snapshot(stream),
    read: async (stream: string, after?: number, limit?: number) => {
      const events = await store.read(stream, after, limit);
      given.events += events.length;
      return events;
    },
  };
  return { reader, given };
}

describe('loading and snapshots of aggregates', function () {
  this.timeout(60_000);
  let temp: TempStore;
  let store: Store;
  beforeEach(async () => {
    temp = await createTempStore();
    store = await temp.open();
  });
  afterEach(() => temp.dispose());

  it('loads a missing stream as the initial state', async () => {
    expect(await load(store)).to.deep.equal({ state: null, version: 0 });
  });

  it('loads a stream that is longer than a page, from a store and in a transaction', async () => {
    await fill(store, 4321);
    const whole = { balance: 4321, version: 4322 };
    for (const { state, version } of [await load(store), await store.transaction((tx) => load(tx))]) {
      expect({ balance: state?.balance, version }).to.deep.equal(whole);
    }
  });

  it('loads a stream whose first events are archived', async () => {
    await fill(store, 2500);
    await store.transaction((tx) => tx.moveCheckpoint('relay', 0, 2501));
    await store.archive('account/a1', 1700);
    const { state, version } = await load(store);
    expect([state?.balance, version]).to.deep.equal([2500, 2501]);
  });

  it('saves a snapshot every N events, in the transaction of the events', async () => {
    const every3 = accountEvery(3);
    await handleIn(store, every3, open);
    await handleIn(store, every3, deposit(1));
    expect(await store.snapshot('account/a1')).to.equal(undefined);
    const { state } = await handleIn(store, every3, deposit(1));
    expect(await store.snapshot('account/a1')).to.deep.equal({ version: 3, shape: 1, state });
    for (const amount of [1, 1, 1]) await handleIn(store, every3, deposit(amount));
    expect(await store.snapshot('account/a1')).to.deep.include({ version: 6 });
  });

  it('rolls back a snapshot with its events', async () => {
    const every2 = accountEvery(2);
    await handleIn(store, every2, open);
    const undone = store.transaction(async (tx) => {
      await handleInTx(tx, every2, deposit(1));
      expect(await tx.snapshot('account/a1')).to.deep.include({ version: 2 });
      throw new Error('changed my mind');
    });
    expect(await undone.catch(String)).to.contain('changed my mind');
    expect(await store.snapshot('account/a1')).to.equal(undefined);
  });

  it('loads the snapshot and reads only later events', async () => {
    const every100 = accountEvery(100);
    await fill(store, 2000);
    await handleIn(store, every100, deposit(1));
    for (const amount of [1, 1]) await handleIn(store, every100, deposit(amount));
    const { reader, given } = counting(store);
    const { state, version } = await load(reader, every100);
    expect([state?.balance, version, given.events]).to.deep.equal([2003, 2004, 2]);
  });

  it('ignores a snapshot of another shape, and replaces it with the next command', async () => {
    await handleIn(store, accountEvery(2), open);
    await handleIn(store, accountEvery(2), deposit(5));
    await store.transaction((tx) => tx.saveSnapshot('account/a1', { version: 2, shape: 2, state: { poison: true } }));
    const { state, version } = await load(store, accountEvery(2, 3));
    expect([state?.balance, version]).to.deep.equal([5, 2]);
    await handleIn(store, accountEvery(2, 3), deposit(1));
    expect(await store.snapshot('account/a1')).to.deep.include({ version: 3, shape: 3 });
  });

  it('ignores a snapshot that is ahead of its stream', async () => {
    const every2 = accountEvery(2);
    await handleIn(store, every2, open);
    await store.transaction((tx) => tx.saveSnapshot('account/a1', { version: 9, shape: 1, state: { balance: 999 } }));
    expect((await load(store, every2)).state).to.include({ balance: 0 });
    expect((await handleIn(store, every2, deposit(5))).state).to.include({ balance: 5 });
  });

  it('yields the same state from a snapshot and later events as from all events, for any commands', async () => {
    const amount = fc.integer({ min: 1, max: 500 });
    const command: fc.Arbitrary<AccountCommand> = fc.oneof(amount.map(deposit), amount.map(withdraw));
    let accounts = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(command, { maxLength: 40 }),
        fc.integer({ min: 1, max: 7 }),
        async (commands, every) => {
          const id = `a${accounts++}`;
          const decider = accountEvery(every);
          await handleIn(store, decider, { ...open, accountId: id }, id);
          for (const each of commands) {
            const handled = await handleIn(store, decider, each, id).catch(() => undefined);
            const snapped = await load(store, decider, id);
            const { snapshot: _snapshot, ...without } = decider;
            expect(snapped).to.deep.equal(await load(store, without, id));
            if (handled !== undefined) expect(handled).to.deep.equal(snapped);
          }
          const { version } = await load(store, decider, id);
          expect((await store.snapshot(`account/${id}`))?.version ?? 0).to.be.above(version - every);
        },
      ),
      { numRuns: 40 },
    );
  });
});
