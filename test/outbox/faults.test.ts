import { expect } from 'chai';
import { CheckpointSaver } from '../../src/outbox/checkpoint-saver.js';
import { DeferredEvents } from '../../src/outbox/deferred/deferred-events.js';
import { fireDueTimers } from '../../src/outbox/fire-timers.js';
import { LagGauge } from '../../src/outbox/lag-gauge.js';
import { FlotillaError } from '../../src/errors.js';
import { openMemoryStore } from '../../src/store/memory/index.js';
import { LeaseHolder } from '../../src/store/leases/lease-holder.js';
import type { Store } from '../../src/store/store.js';
import { eventually } from '../support/eventually.js';
import { recordingLogger } from '../support/recording-logger.js';
import { refusingStore } from '../support/refusing-store.js';

describe('a relay whose store fails', () => {
  let store: Store;
  let refused: keyof Store | undefined;
  let refusals: number;
  let log: ReturnType<typeof recordingLogger>;
  const ending = () => new AbortController();
  const entries = () => log.lines.map(({ level, message }) => `${level} ${message}`);

  beforeEach(() => {
    log = recordingLogger();
    refusals = 0;
    const real = openMemoryStore({ service: 'core', clock: Date.now });
    store = refusingStore(real, (method) => {
      if (method !== refused) return undefined;
      refusals += 1;
      return new FlotillaError('store.busy');
    });
  });
  afterEach(async () => {
    refused = undefined;
    await store.close();
  });

  it('logs once that the lag cannot be measured, and when it is measured again', async () => {
    refused = 'head';
    const gauge = new LagGauge(store, 'relay', () => undefined);
    gauge.lag = 1; // so that the next measurement needs no append
    const end = ending();
    const running = gauge.run(log.logger, end.signal);
    await eventually(() => refusals > 2);
    refused = undefined;
    await eventually(() => log.lines.length > 1);
    end.abort();
    await running;
    expect(entries()).to.deep.equal([
      'warn relay: the lag could not be measured',
      'warn relay: the lag is measured again',
    ]);
  });

  it('logs once that timers cannot be fired, and when they are fired again', async () => {
    refused = 'nextTimer';
    const end = ending();
    const running = fireDueTimers(store, Date.now, log.logger, end.signal);
    await eventually(() => log.lines.length > 0);
    refused = undefined;
    await eventually(() => log.lines.length > 1);
    end.abort();
    await running;
    expect(entries()).to.deep.equal([
      'warn relay: timers could not be fired; retrying',
      'warn relay: timers are fired again',
    ]);
  });

  it('logs once that the checkpoint cannot be saved, and when it is saved again', async () => {
    const { logger } = log;
    const lease = await LeaseHolder.acquire(store, { name: 'relay', holder: 'a', ttl: 60_000, logger });
    if (lease === undefined) throw new Error('the lease is held');
    const deferred = new DeferredEvents({ retry: { first: 1, most: 1 }, window: 1, now: () => 0 });
    const saver = new CheckpointSaver(0, { store, lease, batchSize: 10, logger, deferred, onSaved: () => undefined });
    saver.advance(1);
    for (const method of ['moveLeasedCheckpoint', 'moveLeasedCheckpoint', undefined] as const) {
      refused = method;
      saver.save();
      await saver.settled();
    }
    await lease.release();
    expect(entries()).to.deep.equal([
      'warn relay: the checkpoint could not be saved; retrying',
      'warn relay: the checkpoint is saved again',
    ]);
  });
});
