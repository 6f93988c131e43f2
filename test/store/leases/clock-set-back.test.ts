import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { namesFor } from '../../../src/broker/topology/topology.js';
import { runAsLeader } from '../../../src/store/leases/leader-loop.js';
import { runProjections } from '../../../src/projections/run.js';
import { createRelay } from '../../../src/outbox/relay.js';
import type { Store } from '../../../src/store/store.js';
import { LeaseLedger } from '../../../src/store/leases/lease-ledger.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import { append, begun, jobsProjection } from '../../projections/support/jobs.js';
import { createFakeBroker } from '../../outbox/support/fake-broker.js';
import { eventually } from '../../support/eventually.js';
import { eventOf } from '../../contract/store-events.js';
import { createTempStore, type TempStore } from '../support/temp-store.js';
import { projectionDefinitionOf } from '../../../src/projections/definition.js';

const holdLeases = fileURLToPath(new URL('../fixtures/hold-leases.ts', import.meta.url));
const HOUR = 3_600_000;
const TTL = 1_000;

describe('a process that was killed before the clock was set back by an hour', function () {
  this.timeout(120_000);
  let temp: TempStore;
  let store: Store;
  let ending: AbortController;
  beforeEach(async () => {
    temp = await createTempStore();
    const args = [temp.path, String(HOUR), String(TTL), 'relay', 'projection:jobs', 'log:journal'];
    const child = fork(holdLeases, args);
    await once(child, 'message');
    child.kill('SIGKILL');
    await once(child, 'exit');
    store = await temp.open();
    ending = new AbortController();
  });
  afterEach(async () => {
    ending.abort();
    await temp.dispose();
  });

  it('is replaced as the relay, which publishes and fires timers', async () => {
    const broker = createFakeBroker(() => 'confirm');
    const relay = createRelay({ store, broker, names: namesFor(''), instance: 'next', leaseTtl: TTL });
    const running = relay.run(ending.signal);
    await store.transaction((tx) => tx.schedule({ id: 't', dueAt: 1, event: eventOf('t/1') }));
    await eventually(() => broker.arrived.length === 1);
    ending.abort();
    await running;
  });

  it('is replaced as the runner of projections', async () => {
    const options = { store, instance: 'next', logger: silentLogger(), leaseTtl: TTL };
    const models = await runProjections([projectionDefinitionOf(jobsProjection())], options);
    await append(store, begun(1));
    await models.caughtUp();
    await models.stop();
  });

  it('is replaced as a reader of the log', async () => {
    const options = { store, name: 'log:journal', holder: 'next', ttl: TTL, logger: silentLogger() };
    await runAsLeader({ ...options, onStandby: () => undefined, signal: ending.signal }, async () => ending.abort());
    expect(ending.signal.aborted).to.equal(true);
  });
});

describe('the lease ledger', () => {
  it('reports a lease that has not been renewed for three times its duration, and no other', () => {
    let now = 0;
    const ledger = new LeaseLedger(() => now);
    for (const name of ['held', 'vacant', 'released', 'failing']) ledger.attempt(name, 100);
    ledger.found('vacant', '1 100');
    ledger.released('released');
    for (now = 0; now <= 300; now += 50) {
      expect(ledger.vacant()).to.deep.equal([]);
      ledger.attempt('held', 100);
      ledger.found('held', `1 ${now}`);
      ledger.found('vacant', '1 100');
    }
    expect(ledger.vacant()).to.deep.equal([
      { name: 'vacant', for: 350 },
      { name: 'failing', for: 350 },
    ]);
    ledger.found('vacant', '2 450');
    expect(ledger.vacant().map(({ name }) => name)).to.deep.equal(['failing']);
  });
});
