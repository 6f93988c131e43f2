import { expect } from 'chai';
import type { Snapshot, Store } from '../../src/store/store.js';
import { codeOf, eventOf } from './store-events.js';

/** Tests of snapshots, and of reads inside a transaction, for every store. */
export function snapshotContract(store: () => Store): void {
  describe('snapshots', () => {
    const keep = (stream: string, snapshot: Snapshot) => store().transaction((tx) => tx.saveSnapshot(stream, snapshot));

    it('returns the saved state of a stream, also inside the transaction that saves it', async () => {
      const kept = { version: 7, shape: 1, state: { balance: 5, owner: 'Zoë', tags: [null, true] } };
      expect(await store().snapshot('account/1')).to.equal(undefined);
      const seen = await store().transaction(async (tx) => {
        await tx.saveSnapshot('account/1', kept);
        return tx.snapshot('account/1');
      });
      expect(seen).to.deep.equal(kept);
      expect(await store().snapshot('account/1')).to.deep.equal(kept);
      expect(await store().snapshot('account/2')).to.equal(undefined);
      expect(await store().read('account/1')).to.deep.equal([]);
    });

    it('keeps the latest snapshot, in whatever order they are saved', async () => {
      const at = (version: number) => ({ version, shape: 1, state: version });
      await Promise.all([2, 9, 4].map((version) => keep('account/1', at(version))));
      expect(await store().snapshot('account/1')).to.deep.equal(at(9));
    });

    it('replaces a snapshot of an older shape at any version, and of a newer shape only at a later version', async () => {
      await keep('account/1', { version: 9, shape: 1, state: 'old' });
      await keep('account/1', { version: 5, shape: 2, state: 'new' });
      expect(await store().snapshot('account/1')).to.deep.equal({ version: 5, shape: 2, state: 'new' });
      await keep('account/1', { version: 5, shape: 1, state: 'old' });
      expect(await store().snapshot('account/1')).to.include({ state: 'new' });
      await keep('account/1', { version: 6, shape: 1, state: 'taken back' });
      expect(await store().snapshot('account/1')).to.include({ state: 'taken back' });
    });

    it('rolls back a snapshot with its transaction', async () => {
      const failing = store().transaction(async (tx) => {
        await tx.saveSnapshot('account/1', { version: 1, shape: 1, state: 1 });
        throw new Error('no');
      });
      expect(await codeOf(failing)).to.equal(undefined);
      expect(await store().snapshot('account/1')).to.equal(undefined);
    });
  });

  describe('reading an event by its id', () => {
    it('finds it by UUID or any other id, also inside the transaction that appends it', async () => {
      const events = [eventOf('order/1'), eventOf('order/1', { id: 'Not-A-UUID' })];
      const [first, second] = events;
      const seen = await store().transaction(async (tx) => {
        await tx.append('order/1', 'none', events);
        return tx.event(second?.id ?? '');
      });
      expect(seen).to.include({ stream: 'order/1', version: 2 });
      expect((await store().event(first?.id ?? ''))?.event).to.deep.equal({ ...first, sequence: '1' });
      expect(await store().event('Not-A-UUID')).to.include({ version: 2 });
      expect(await store().event('nobody')).to.equal(undefined);
    });
  });

  it('returns the position of a checkpoint inside a transaction, including its own moves', async () => {
    const seen = await store().transaction(async (tx) => {
      const before = await tx.checkpoint('view');
      await tx.moveCheckpoint('view', before, 5);
      return [before, await tx.checkpoint('view')];
    });
    expect(seen).to.deep.equal([0, 5]);
  });
}
