import { expect } from 'chai';
import { WalSync } from '../../../../src/store/sqlite/write/wal-sync.js';

describe('the sync of a write-ahead log', () => {
  let version = 0;
  let syncs: { end: () => void; fail: (error: Error) => void }[] = [];
  let log: WalSync;
  beforeEach(() => {
    version = 1;
    syncs = [];
    log = new WalSync({
      version: () => version,
      sync: () => new Promise((end, fail) => void syncs.push({ end, fail })),
    });
  });

  /** Returns whether a promise has been fulfilled, after all microtasks. */
  const isFulfilled = async (promise: Promise<unknown> | undefined) => {
    let fulfilled = false;
    promise?.then(
      () => (fulfilled = true),
      () => undefined,
    );
    await new Promise(setImmediate);
    return fulfilled;
  };

  it('is needed once per commit', async () => {
    const first = log.barrier();
    syncs[0]?.end();
    await first;
    expect(log.barrier()).to.equal(undefined);
    version = 2;
    expect(log.barrier()).to.be.instanceOf(Promise);
    expect(log.syncs).to.equal(2);
  });

  it('is shared by all that saw the same commits', async () => {
    const [first, second] = [log.barrier(), log.barrier()];
    expect(syncs).to.have.length(1);
    syncs[0]?.end();
    expect(await isFulfilled(first)).to.equal(true);
    expect(await isFulfilled(second)).to.equal(true);
  });

  it('does not cover a commit that became visible after it began', async () => {
    const first = log.barrier();
    version = 2;
    const [second, third] = [log.barrier(), log.barrier()];
    expect(syncs).to.have.length(1);
    syncs[0]?.end();
    expect(await isFulfilled(first)).to.equal(true);
    expect(await isFulfilled(second)).to.equal(false);
    expect(syncs).to.have.length(2);
    syncs[1]?.end();
    expect(await isFulfilled(second)).to.equal(true);
    expect(await isFulfilled(third)).to.equal(true);
    expect(log.barrier()).to.equal(undefined);
  });

  it('is needed while the version cannot be read', async () => {
    const durable = log.barrier();
    syncs[0]?.end();
    await durable;
    const locked = new WalSync({
      version: () => {
        throw new Error('locked');
      },
      sync: () => Promise.resolve(),
    });
    await locked.barrier();
    expect(locked.barrier()).to.be.instanceOf(Promise);
  });

  it('rejects everything that waits for it when it fails', async () => {
    const first = log.barrier();
    version = 2;
    const second = log.barrier();
    syncs[0]?.fail(new Error('EIO'));
    for (const waiting of [first, second]) {
      let reason: unknown;
      await waiting?.catch((error: unknown) => (reason = error));
      expect(String(reason)).to.equal('Error: EIO');
    }
    expect(syncs).to.have.length(1);
  });

  it('ends before the log is closed', async () => {
    const first = log.barrier();
    const closed = log.close();
    expect(await isFulfilled(closed)).to.equal(false);
    syncs[0]?.end();
    await first;
    expect(await isFulfilled(closed)).to.equal(true);
  });
});
