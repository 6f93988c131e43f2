import { expect } from 'chai';
import { runAsLeader } from '../../src/store/leases/leader-loop.js';
import { openMemoryStore } from '../../src/store/memory/index.js';
import type { Lease } from '../../src/store/store.js';
import { silentLogger } from '../../src/telemetry/logger.js';

describe('a leader loop', () => {
  it('releases the lease before it waits to retry failed work, so that another process takes over', async () => {
    const store = openMemoryStore({ service: 'core', clock: Date.now });
    const ending = new AbortController();
    const logger = silentLogger();
    const leaseOfAnother = new Promise<Lease | undefined>((resolve) => {
      Object.assign(logger, { error: () => resolve(store.acquireLease('work', 'another', 60_000)) });
    });
    const options = { store, name: 'work', holder: 'this', ttl: 60_000, logger, signal: ending.signal };
    const running = runAsLeader(options, () => Promise.reject(new Error('failed')));
    try {
      expect(await leaseOfAnother).to.include({ name: 'work', holder: 'another' });
    } finally {
      ending.abort();
      await running;
      await store.close();
    }
  });
});
