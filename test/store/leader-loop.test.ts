import { expect } from 'chai';
import { FlotillaError } from '../../src/errors.js';
import { runAsLeader } from '../../src/store/leases/leader-loop.js';
import { LeaseHolder } from '../../src/store/leases/lease-holder.js';
import { openMemoryStore } from '../../src/store/memory/index.js';
import type { Lease, Store } from '../../src/store/store.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { eventually } from '../support/eventually.js';
import { recordingLogger } from '../support/recording-logger.js';

describe('a leader loop', () => {
  it('releases the lease before it waits to retry failed work, so that another process takes over', async () => {
    const store = openMemoryStore({ service: 'core', clock: Date.now });
    const ending = new AbortController();
    const logger = silentLogger();
    const leaseOfAnother = new Promise<Lease | undefined>((resolve) => {
      Object.assign(logger, { log: () => resolve(store.acquireLease('work', 'another', 60_000)) });
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

  it('logs the end of repeated failures once, when the work has run without a failure for a time', async () => {
    const store = openMemoryStore({ service: 'core', clock: Date.now });
    const ending = new AbortController();
    const { logger, lines } = recordingLogger();
    const { signal } = ending;
    const options = { store, name: 'work', holder: 'this', ttl: 60_000, logger, stableAfter: 50, signal };
    let attempts = 0;
    const running = runAsLeader(options, async (_lease, leading) => {
      attempts += 1;
      if (attempts < 3) throw new Error('failed');
      await new Promise((resolve) => leading.addEventListener('abort', resolve));
    });
    try {
      await eventually(() => lines.length > 1);
      expect(lines.map(({ level, message }) => `${level} ${message}`)).to.deep.equal([
        'error work: failed; retrying',
        'error work: works again',
      ]);
      expect(lines[1]?.faultSeconds).to.be.a('number');
    } finally {
      ending.abort();
      await running;
      await store.close();
    }
  });

  it('logs the end of a failure when another process has done the work for a time', async () => {
    const store = openMemoryStore({ service: 'core', clock: Date.now });
    const ending = new AbortController();
    const { logger, lines } = recordingLogger();
    const { signal } = ending;
    const options = { store, name: 'work', holder: 'this', ttl: 50, logger, stableAfter: 50, signal };
    const running = runAsLeader(options, () => Promise.reject(new Error('failed')));
    try {
      await eventually(() => lines.length > 0);
      await store.acquireLease('work', 'another', 60_000);
      await eventually(() => lines.length > 1);
      expect(lines.map(({ level, message }) => `${level} ${message}`)).to.deep.equal([
        'error work: failed; retrying',
        'error work: another process does the work',
      ]);
    } finally {
      ending.abort();
      await running;
      await store.close();
    }
  });

  it('logs when the lease is held again after its loss', async () => {
    const store = openMemoryStore({ service: 'core', clock: Date.now });
    const ending = new AbortController();
    const { logger, lines } = recordingLogger();
    const options = { store, name: 'work', holder: 'this', ttl: 60_000, logger, signal: ending.signal };
    let terms = 0;
    const running = runAsLeader(options, async (lease, leading) => {
      terms += 1;
      if (terms === 1) return lease.lose();
      await new Promise((resolve) => leading.addEventListener('abort', resolve));
    });
    try {
      await eventually(() => lines.length > 1);
      expect(lines.map(({ level, message }) => `${level} ${message}`)).to.deep.equal([
        'warn work: lost the lease',
        'warn work: this process holds the lease again',
      ]);
    } finally {
      ending.abort();
      await running;
      await store.close();
    }
  });

  it('logs when a lease is held by another process after its loss', async () => {
    const store = openMemoryStore({ service: 'core', clock: Date.now });
    const ending = new AbortController();
    const { logger, lines } = recordingLogger();
    const options = { store, name: 'work', holder: 'this', ttl: 60_000, logger, signal: ending.signal };
    const running = runAsLeader(options, async (lease) => {
      await store.releaseLease(lease.lease);
      await store.acquireLease('work', 'another', 60_000);
      lease.lose();
    });
    try {
      await eventually(() => lines.length > 1);
      expect(lines.map(({ level, message }) => `${level} ${message}`)).to.deep.equal([
        'warn work: lost the lease',
        'warn work: another process holds the lease',
      ]);
    } finally {
      ending.abort();
      await running;
      await store.close();
    }
  });

  it('logs when a lease is renewed again', async () => {
    const store = openMemoryStore({ service: 'core', clock: Date.now });
    const { logger, lines } = recordingLogger();
    let isFailing = true;
    const refusing = Object.assign(Object.create(store) as Store, {
      acquireLease: (...of: Parameters<Store['acquireLease']>) =>
        isFailing ? Promise.reject(new FlotillaError('store.busy')) : store.acquireLease(...of),
    });
    isFailing = false;
    const lease = await LeaseHolder.acquire(refusing, { name: 'work', holder: 'this', ttl: 3_000, logger });
    isFailing = true;
    try {
      await eventually(() => lines.length > 0);
      isFailing = false;
      await eventually(() => lines.length > 1);
      expect(lines.map(({ level, message }) => `${level} ${message}`)).to.deep.equal([
        'warn work: the lease could not be renewed; retrying',
        'warn work: the lease is renewed again',
      ]);
    } finally {
      await lease?.release();
      await store.close();
    }
  });
});
