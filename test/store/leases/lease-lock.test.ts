import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { aborted } from '../../../src/concurrency/aborted.js';
import { LeaseHolder } from '../../../src/store/leases/lease-holder.js';
import { runAsLeader } from '../../../src/store/leases/leader-loop.js';
import { lockPathOf } from '../../../src/store/sqlite/lease-lock.js';
import type { Store } from '../../../src/store/store.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import { createTempStore, type TempStore } from '../support/temp-store.js';

const lead = fileURLToPath(new URL('../fixtures/lead.ts', import.meta.url));
/** Longer than any test: a takeover is due to the lock. */
const TTL_MS = 24 * 3_600_000;

describe('the lock of a lease', function () {
  this.timeout(60_000);
  let temp: TempStore;
  let store: Store;
  let ending: AbortController;
  const children: ChildProcess[] = [];
  beforeEach(async () => {
    temp = await createTempStore();
    store = await temp.open();
    ending = new AbortController();
  });
  afterEach(async () => {
    ending.abort();
    for (const child of children.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
    await temp.dispose();
  });

  function startChild(): ChildProcess {
    const child = fork(lead, [temp.path, String(TTL_MS)]);
    children.push(child);
    return child;
  }

  /** Resolves when this process leads. */
  function leadHere(onStandby: () => void = () => undefined): Promise<void> {
    const options = { store, name: 'relay', holder: 'here', ttl: TTL_MS, locked: true, logger: silentLogger() };
    return new Promise((resolve) => {
      void runAsLeader({ ...options, onStandby, signal: ending.signal }, async (_, leading) => {
        resolve();
        await aborted(leading);
      });
    });
  }

  it('lets a waiting process take over from one that was killed, long before the lease ends', async () => {
    const child = startChild();
    await once(child, 'message');
    let taken: Promise<void> | undefined;
    await new Promise<void>((resolve) => (taken = leadHere(resolve)));
    child.kill('SIGKILL');
    await taken;
  });

  it('passes from each killed process to one of several that wait', async () => {
    const first = startChild();
    await once(first, 'message');
    let waiting = [startChild(), startChild(), startChild()].map((child) => ({
      child,
      leads: once(child, 'message').then(() => child),
    }));
    let leader = first;
    while (waiting.length > 0) {
      leader.kill('SIGKILL');
      leader = await Promise.race(waiting.map(({ leads }) => leads));
      waiting = waiting.filter(({ child }) => child !== leader);
    }
  });

  it('lets a process that starts later take over from one that was killed', async () => {
    const child = startChild();
    await once(child, 'message');
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
    await leadHere();
  });

  it('is kept by a process that is suspended', async () => {
    const child = startChild();
    await once(child, 'message');
    child.kill('SIGSTOP');
    expect(store.lockLease('relay')).to.equal(undefined);
    expect(await LeaseHolder.acquire(store, leaseOf('here'))).to.equal(undefined);
    child.kill('SIGCONT');
  });

  it('takes no lease from a holder that never had the lock', async () => {
    const first = await LeaseHolder.acquire(store, { ...leaseOf('locked'), lock: store.lockLease('relay') });
    await first?.release();
    const second = await LeaseHolder.acquire(store, leaseOf('not locked'));
    const lock = store.lockLease('relay');
    expect(lock?.previous).to.equal('locked');
    expect(await LeaseHolder.acquire(store, { ...leaseOf('next'), lock })).to.equal(undefined);
    const again = store.lockLease('relay');
    expect(again).not.to.equal(undefined);
    again?.release();
    await second?.release();
  });

  it('is not needed: without its file the lease decides', async () => {
    await writeFile(lockPathOf(temp.path, 'relay'), 'not a database, but longer than the header of one '.repeat(9));
    expect(store.lockLease('relay')).to.equal(undefined);
    await leadHere();
  });

  function leaseOf(holder: string) {
    return { name: 'relay', holder, ttl: TTL_MS, logger: silentLogger() };
  }
});
