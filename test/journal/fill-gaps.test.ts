import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect } from 'chai';
import { defineJournal } from '../../src/journal/define-journal.js';
import { fillGaps, noteGap } from '../../src/journal/fill-gaps.js';
import { FlotillaError } from '../../src/errors.js';
import { migrateJournal } from '../../src/journal/migrations.js';
import { countJournal } from '../../src/journal/search.js';
import { BEFORE_FIRST, type LogBreak } from '../../src/event-log/positions/position.js';
import type { ServiceStores } from '../../src/store/service-stores.js';
import type { Store } from '../../src/store/store.js';
import { openSqliteStore } from '../../src/store/sqlite/index.js';
import { FaultLogs } from '../../src/telemetry/fault-log.js';
import { silentLogger, type Logger } from '../../src/telemetry/logger.js';
import { startWorker } from '../../src/worker/start.js';
import { numbers, openLogFixture, record, type LogFixture } from '../event-log/support/log-fixture.js';
import { refusingStore } from '../support/refusing-store.js';
import { recordingLogger } from '../support/recording-logger.js';
import { inbox } from '../support/inbox.js';
import { eventually } from '../support/eventually.js';
import { workerDefinitionOf } from '../../src/worker/definition/worker-definition.js';

const GAP: LogBreak = { kind: 'gap', expected: BEFORE_FIRST, found: undefined };

describe('a gap of the journal', function () {
  this.timeout(30_000);
  let bench: LogFixture;
  let store: Store;
  let jobs: Store;

  beforeEach(async () => {
    bench = await openLogFixture('memory');
    store = await bench.open('journal');
    await migrateJournal(store);
    jobs = await bench.open('jobs');
  });
  afterEach(() => bench.close());

  const gaps = async () =>
    store.query<{ filled_at: string | null; out_of_reach: string | null }>`
      SELECT filled_at, out_of_reach FROM journal_gaps ORDER BY number`;
  /** Fills gaps; `idle` resolves each time no work is left for now. */
  const filling = (stores: ServiceStores, logger: Logger = silentLogger()) => {
    const idle = inbox<() => void>();
    const ending = new AbortController();
    const breaks = { wait: () => new Promise<boolean>((resolve) => idle.put(() => resolve(false))) };
    const behind: { service: string; events: number; message: string }[] = [];
    const alarms = {
      raiseStoreBehind: (service: string, events: number, { message }: Error) =>
        void behind.push({ service, events, message }),
    };
    const comparisons = new FaultLogs(logger);
    const options = { stores, breaks, alarms, comparisons, logger, signal: ending.signal, now: Date.now };
    const running = fillGaps(store, options);
    return {
      behind,
      idle: () => idle.next(),
      async stop(proceed: () => void) {
        ending.abort();
        proceed();
        await running;
      },
    };
  };

  it('is filled completely from a store that becomes reachable later', async () => {
    await record(jobs, numbers(1, 20));
    await store.transaction((tx) => noteGap(tx, GAP, Date.now()));
    let isHere = false;
    const gap = filling({
      services: ['jobs', 'elsewhere'],
      open: async (service) => (service === 'jobs' && isHere ? jobs : undefined),
    });
    let proceed = await gap.idle();
    expect((await gaps()).map(({ out_of_reach: services }) => services)).to.deep.equal(['jobs, elsewhere']);
    await store.transaction((tx) => noteGap(tx, GAP, Date.now()));
    proceed();
    proceed = await gap.idle();
    isHere = true;
    proceed();
    proceed = await gap.idle();
    expect(await countJournal(store)).to.equal(20);
    expect((await gaps()).map(({ out_of_reach: services }) => services)).to.deep.equal(['elsewhere', 'elsewhere']);
    await gap.stop(proceed);
  });

  it('is filled from the first event of a store that was recreated since it was last read', async () => {
    await record(jobs, numbers(1, 20));
    const recreated = await openSqliteStore({ service: 'jobs', path: join(bench.folder, 'recreated.db') });
    await record(recreated, numbers(21, 25));
    let source = jobs;
    await store.transaction((tx) => noteGap(tx, GAP, Date.now()));
    const gap = filling({ services: ['jobs'], open: async () => source });
    let proceed = await gap.idle();
    source = recreated;
    await store.transaction((tx) => noteGap(tx, GAP, Date.now()));
    proceed();
    proceed = await gap.idle();
    expect(await countJournal(store)).to.equal(25);
    await record(recreated, numbers(26, 50));
    await store.transaction((tx) => noteGap(tx, GAP, Date.now()));
    proceed();
    proceed = await gap.idle();
    expect(await countJournal(store)).to.equal(50);
    await gap.stop(proceed);
    await recreated.close();
  });

  it('is filled from the first event of a store that was restored from a backup, and the loss is reported once', async () => {
    await record(jobs, numbers(1, 10));
    const restored = join(bench.folder, 'restored.db');
    await jobs.query`SELECT 1`;
    const file = new Database(join(bench.folder, 'jobs.db'));
    await file.backup(restored);
    file.close();
    const [eleventh] = await record(jobs, numbers(11, 20));
    let source = jobs;
    await store.transaction((tx) => noteGap(tx, GAP, Date.now()));
    const gap = filling({
      services: ['jobs', 'elsewhere'],
      open: async (service) => (service === 'jobs' ? source : undefined),
    });
    let proceed = await gap.idle();
    expect(gap.behind).to.deep.equal([]);

    source = await openSqliteStore({ service: 'jobs', path: restored });
    expect(source.id).to.equal(jobs.id);
    proceed();
    proceed = await gap.idle();
    expect(gap.behind.map(({ service, events }) => [service, events])).to.deep.equal([['jobs', 10]]);
    expect(gap.behind[0]?.message).to.contain(`flotilla events list --source jobs --since ${eleventh?.time ?? ''}`);

    await record(source, numbers(21, 35)); // at the positions of the lost events, and after them
    await store.transaction((tx) => noteGap(tx, GAP, Date.now()));
    proceed();
    proceed = await gap.idle();
    expect(await countJournal(store)).to.equal(35);
    expect(gap.behind).to.have.length(1);
    await gap.stop(proceed);
    await source.close();
  });

  it('is filled from the other stores while one does not open, and the log is consumed meanwhile', async () => {
    await record(jobs, numbers(1, 20));
    const worker = await startWorker(workerDefinitionOf(defineJournal({ name: 'journal' })), {
      store,
      broker: bench.broker,
      prefix: bench.opened.prefix,
      instance: 'one',
      logger: silentLogger(),
      serviceStores: {
        services: ['spoilt', 'jobs'],
        open: async (service) => {
          if (service === 'spoilt') throw new Error('file is not a database');
          return jobs;
        },
      },
    });
    await bench.publish(...(await record(jobs, numbers(21, 25))));
    await eventually(async () => (await countJournal(store)) === 25);
    await eventually(async () => (await gaps())[0]?.out_of_reach === 'spoilt');
    await worker.stop(5000);
  });

  it('logs that a store cannot be compared, and when it is compared again', async () => {
    const { logger, lines } = recordingLogger();
    let isFailing = false;
    const source = refusingStore(jobs, (method) =>
      method === 'event' && isFailing ? new FlotillaError('store.busy') : undefined,
    );
    await record(jobs, numbers(1, 3));
    await store.transaction((tx) => noteGap(tx, GAP, Date.now()));
    const gap = filling({ services: ['jobs'], open: async () => source }, logger);
    let proceed = await gap.idle();
    isFailing = true;
    proceed();
    proceed = await gap.idle();
    proceed();
    proceed = await gap.idle();
    isFailing = false;
    proceed();
    proceed = await gap.idle();
    const faults = lines.filter(({ level }) => level === 'warn');
    expect(faults.map(({ level, message, service }) => [level, message, service])).to.deep.equal([
      ['warn', 'journal: store not compared', 'jobs'],
      ['warn', 'journal: store compared again', 'jobs'],
    ]);
    await gap.stop(proceed);
  });

  it('logs that the background work failed, and when it succeeds again', async () => {
    const { logger, lines } = recordingLogger('warn');
    let refusals = 0;
    const weak = refusingStore(store, (method, sql) =>
      method === 'query' && sql.includes('FROM journal_gaps') && refusals++ < 2
        ? new FlotillaError('store.busy')
        : undefined,
    );
    const worker = await startWorker(workerDefinitionOf(defineJournal({ name: 'journal' })), {
      store: weak,
      broker: bench.broker,
      prefix: bench.opened.prefix,
      instance: 'one',
      logger,
    });
    await eventually(() => lines.length > 1);
    await worker.stop(5000);
    expect(lines.map(({ level, message }) => [level, message])).to.deep.equal([
      ['warn', 'journal: background work failed; retrying'],
      ['warn', 'journal: background work succeeds again'],
    ]);
  });
});
