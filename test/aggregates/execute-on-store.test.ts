import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { ConflictError, newId, type ExecuteOnStoreOptions, type Store } from 'flotilla';
import { platform } from '../../platform/catalogue.js';
import { account, type AccountCommand } from '../../platform/accounts/account.js';
import { codeOf } from '../contract/store-events.js';
import { createTempStore, type TempStore } from '../store/support/temp-store.js';
import { accountEvery, deposit, fill, handleInTx, load, open, withdraw } from './support/accounts.js';

type HandledStore = Parameters<typeof platform.executeOnStore>[0];

/** The store, with actions injected after reads and before appends. */
function meddled(
  store: Store,
  { afterRead, beforeAppend }: { afterRead?: () => Promise<void>; beforeAppend?: () => Promise<void> },
): HandledStore {
  return {
    service: store.service,
    snapshot: (stream) => store.snapshot(stream),
    event: (id) => store.event(id),
    transaction: (work) => store.transaction(work),
    read: async (stream, after, limit) => {
      const events = await store.read(stream, after, limit);
      await afterRead?.();
      return events;
    },
    append: async (stream, expected, events) => {
      await beforeAppend?.();
      return store.append(stream, expected, events);
    },
  };
}

describe('executeOnStore', function () {
  this.timeout(60_000);
  let temp: TempStore;
  let store: Store;
  beforeEach(async () => {
    temp = await createTempStore();
    store = await temp.open();
  });
  afterEach(() => temp.dispose());

  const run = (command: AccountCommand, options: ExecuteOnStoreOptions = {}, on: HandledStore = store, id = 'a1') =>
    platform.executeOnStore(on, account, id, command, options);

  it('decides on the current state, and returns the new state and version', async () => {
    expect(await run({ ...open, initialDeposit: 500 })).to.deep.include({ version: 1, repeated: false });
    const { state, version } = await run(withdraw(200));
    expect([state?.balance, version]).to.deep.equal([300, 2]);
    expect(await codeOf(run(withdraw(301)))).to.equal('account.insufficient_funds');
    expect(await load(store)).to.deep.equal({ state, version });
  });

  it('sets correlation, causation and trace of the events', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    await run(open, { correlationId: 'c1', causationId: 'cause', traceparent, clock: () => Date.UTC(2026, 0, 1) });
    await run(deposit(1));
    const [opened, deposited] = await store.read('account/a1');
    expect(opened?.event).to.include({
      source: 'core',
      subject: 'account/a1',
      time: '2026-01-01T00:00:00.000Z',
      correlationid: 'c1',
      causationid: 'cause',
      traceparent,
    });
    expect(deposited?.event.correlationid).to.equal(deposited?.id);
  });

  it('decides again after a concurrent append', async () => {
    await run(open);
    let quicker = 0;
    const beforeAppend = async () => void (quicker++ < 5 && (await run(deposit(10))));
    const { state } = await run(deposit(1), {}, meddled(store, { beforeAppend }));
    expect([state?.balance, quicker]).to.deep.equal([51, 6]);
  });

  it('decides on the state after a concurrent append, and may reject the command', async () => {
    await run({ ...open, initialDeposit: 500 });
    let quicker = 0;
    const beforeAppend = async () => void (quicker++ === 0 && (await run(withdraw(400))));
    expect(await codeOf(run(withdraw(400), {}, meddled(store, { beforeAppend })))).to.equal(
      'account.insufficient_funds',
    );
    expect((await load(store)).state?.balance).to.equal(100);
  });

  it('rejects with the current version after its retries', async () => {
    await run(open);
    let tries = 0;
    const beforeAppend = async () => {
      tries += 1;
      await run(deposit(10));
    };
    const error = await run(deposit(1), { retries: 2 }, meddled(store, { beforeAppend })).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).to.be.instanceOf(ConflictError).and.include({ code: 'store.conflict', actual: 4 });
    expect(tries).to.equal(3);
  });

  it('limits its pauses, however many retries it has made', async () => {
    await run(open);
    let quicker = 0;
    const beforeAppend = async () => void (quicker++ < 26 && (await run(deposit(10))));
    // a thousandth of the longest pause; without a limit, 25 doublings would take minutes
    const options = { retries: 30, random: () => 0.001 };
    const { state } = await run(deposit(1), options, meddled(store, { beforeAppend }));
    expect(state?.balance).to.equal(261);
  });

  it('does not wait for a retry when its signal aborts', async () => {
    await run(open);
    const stop = new AbortController();
    const beforeAppend = async () => {
      await run(deposit(10));
      stop.abort(new Error('stopped'));
    };
    const options = { signal: stop.signal, random: () => 1e6 };
    const error = await run(deposit(1), options, meddled(store, { beforeAppend })).catch((thrown: unknown) => thrown);
    expect(error).to.have.property('name', 'AbortError');
  });

  it('does not retry a conflict where a version was expected', async () => {
    await run(open);
    await run(deposit(1), { expectedVersion: 1 });
    const late = await run(deposit(1), { expectedVersion: 1 }).catch((thrown: unknown) => thrown);
    expect(late).to.be.instanceOf(ConflictError).and.include({ expected: 1, actual: 2 });
    const looks = { count: 0 };
    const quicker = meddled(store, {
      afterRead: async () => void (looks.count += 1),
      beforeAppend: async () => void (await run(deposit(10))),
    });
    const raced = await run(deposit(1), { expectedVersion: 2 }, quicker).catch((thrown: unknown) => thrown);
    expect(raced).to.be.instanceOf(ConflictError).and.include({ actual: 3 });
    expect([looks.count, (await load(store)).state?.balance]).to.deep.equal([1, 11]);
  });

  it('reports a missing aggregate before a version conflict, and expects a missing one for version 0', async () => {
    expect(await codeOf(run(deposit(1), { expectedVersion: 7 }))).to.equal('account.not_found');
    expect(await codeOf(run(open, { expectedVersion: 7 }))).to.equal('store.conflict');
    expect(await run(open, { expectedVersion: 0 })).to.include({ version: 1 });
    const again = store.transaction((tx) => handleInTx(tx, account, deposit(1), 'a1', 0));
    expect(await codeOf(again)).to.equal('store.conflict');
  });

  for (const [what, commandId] of Object.entries({ 'a UUID': newId(), 'any text': 'transfer 7/2026' })) {
    it(`executes a command once per command id (${what}), also after other commands`, async () => {
      await run(open);
      expect(await run(deposit(5), { commandId })).to.deep.include({ version: 2, repeated: false });
      await run(deposit(7));
      const again = await run(deposit(5), { commandId });
      expect([again.state?.balance, again.version, again.repeated]).to.deep.equal([12, 3, true]);
      expect(await store.head()).to.equal(3);
      expect(await run(deposit(5), { commandId: `${commandId}-other` })).to.include({ repeated: false });
    });
  }

  it('executes a command once, also if a repetition would be rejected or has an outdated expected version', async () => {
    await run({ ...open, initialDeposit: 5 });
    await run(withdraw(5), { commandId: 'all of it', expectedVersion: 1 });
    expect(await run(withdraw(5), { commandId: 'all of it' })).to.include({ version: 2, repeated: true });
    expect(await run(withdraw(5), { commandId: 'all of it', expectedVersion: 1 })).to.include({ repeated: true });
  });

  it('executes a command once when the same command is committed between its steps', async () => {
    await run({ ...open, initialDeposit: 5 });
    for (const moment of ['afterRead', 'beforeAppend'] as const) {
      for (const expecting of [false, true]) {
        const commandId = `${moment} ${expecting}`;
        let meddling = true;
        const twin = async () => {
          if (!meddling) return;
          meddling = false;
          await run(deposit(1), { commandId });
        };
        const before = await load(store);
        const expected = expecting ? { expectedVersion: before.version } : {};
        const handled = await run(deposit(1), { commandId, ...expected }, meddled(store, { [moment]: twin }));
        expect(handled).to.include({ version: before.version + 1, repeated: true });
        expect(handled.state?.balance).to.equal((before.state?.balance ?? 0) + 1);
        expect(await load(store)).to.deep.equal({ state: handled.state, version: handled.version });
      }
    }
  });

  it('treats the same command id for another aggregate as a different command', async () => {
    for (const id of ['a1', 'a2']) {
      await run({ ...open, accountId: id }, { commandId: 'open' }, store, id);
      expect(await run(deposit(5), { commandId: 'same' }, store, id)).to.include({ version: 2, repeated: false });
    }
  });

  it('decides again on commands that were rejected or emitted no events', async () => {
    await run(open);
    expect(await codeOf(run(withdraw(5), { commandId: 'w' }))).to.equal('account.insufficient_funds');
    await run(deposit(5));
    expect(await run(withdraw(5), { commandId: 'w' })).to.include({ version: 3, repeated: false });

    const lazy = platform.decider()<null, number>({
      aggregate: 'lazy',
      initial: null,
      decide: () => [],
      evolve: () => null,
    });
    for (let n = 0; n < 2; n++) {
      const handled = await platform.executeOnStore(store, lazy, 'l1', 1, { commandId: 'nothing' });
      expect(handled).to.deep.equal({ state: null, version: 0, repeated: false });
    }
  });

  it('saves snapshots', async () => {
    await fill(store, 1500);
    const { state } = await platform.executeOnStore(store, account, 'a1', deposit(1));
    expect(await store.snapshot('account/a1')).to.deep.equal({ version: 1502, shape: 1, state });
    const every1 = accountEvery(1);
    await platform.executeOnStore(store, every1, 'a1', deposit(1), { commandId: 'c' });
    await platform.executeOnStore(store, every1, 'a1', deposit(1), { commandId: 'c' });
    expect(await store.snapshot('account/a1')).to.deep.include({ version: 1503 });
  });

  it('executes each command once when two processes execute all of them', async () => {
    await run(open);
    const commands = 200;
    const program = fileURLToPath(new URL('fixtures/command-process.ts', import.meta.url));
    const children = [1, 2].map(() => fork(program, [temp.path, String(commands)]));
    await Promise.all(children.map((child) => once(child, 'message')));
    const done = await Promise.all(
      children.map(async (child) => {
        child.send('go');
        const [own] = (await once(child, 'message')) as [number];
        await once(child, 'exit');
        return own;
      }),
    );
    expect(done[0] ?? 0).to.be.above(0);
    expect(done.reduce((sum, own) => sum + own, 0)).to.equal(commands);
    const { state, version } = await load(store);
    expect([state?.balance, version]).to.deep.equal([commands, commands + 1]);
  });
});
