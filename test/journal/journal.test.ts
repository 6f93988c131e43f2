import { expect } from 'chai';
import { fromOutside } from 'flotilla';
import { eventProperties } from '../../src/broker/messages/event-properties.js';
import { parseFleetKeys } from '../../src/broker/signing/fleet-keys.js';
import { signedBroker } from '../../src/broker/signing/signed-broker.js';
import { defineJournal } from '../../src/journal/define-journal.js';
import { countJournal, journalEvent, journalPages } from '../../src/journal/search.js';
import { migrateJournal } from '../../src/journal/migrations.js';
import { seenCounts } from '../../src/journal/seen.js';
import type { JournalEntry } from '../../src/journal/entry.js';
import { logCheckpoint, migrateLogCheckpoints } from '../../src/event-log/positions/checkpoint-table.js';
import type { ServiceStores } from '../../src/store/service-stores.js';
import type { Store } from '../../src/store/store.js';
import { type Logger, silentLogger } from '../../src/telemetry/logger.js';
import { createMetrics, type Metrics } from '../../src/telemetry/metrics.js';
import { startWorker, type RunningWorker } from '../../src/worker/start.js';
import type { StartWorkerOptions } from '../../src/worker/prepare.js';
import { jobBegun, numbers, openLogFixture, record, type LogFixture } from '../event-log/support/log-fixture.js';
import { shop } from '../support/shop.js';
import { eventually } from '../support/eventually.js';
import { workerDefinitionOf } from '../../src/worker/definition/worker-definition.js';

const definition = workerDefinitionOf(defineJournal({ name: 'journal' }));

for (const kind of ['memory', 'rabbitmq']) {
  describe(`the journal, on ${kind}`, function () {
    this.timeout(90_000);
    let bench: LogFixture;
    let store: Store;
    let jobs: Store;
    let running: RunningWorker[];
    let metrics: Metrics;
    let alarms: string[];

    const open = async (stream = {}) => {
      bench = await openLogFixture(kind, { stream });
      store = await bench.open('journal');
      await migrateJournal(store);
      await migrateLogCheckpoints(store);
      jobs = await bench.open('jobs');
      running = [];
      metrics = createMetrics();
      alarms = [];
    };
    beforeEach(() => open());
    afterEach(async () => {
      await Promise.all(running.map((worker) => worker.stop(5000)));
      await bench.close();
    });

    const history = (): ServiceStores => ({
      services: ['jobs', 'elsewhere'],
      open: async (service) => (service === 'jobs' ? jobs : undefined),
    });
    const logger = (): Logger => {
      const silent = silentLogger();
      const error = (message: string) => {
        alarms.push(message);
        return silent;
      };
      return Object.assign(silent, { error, child: () => silent });
    };
    const start = async (instance = 'one', options: Partial<StartWorkerOptions> = {}) => {
      const worker = await startWorker(definition, {
        store,
        broker: bench.broker,
        prefix: bench.opened.prefix,
        instance,
        logger: logger(),
        metrics,
        serviceStores: history(),
        ...options,
      });
      running.push(worker);
      return worker;
    };
    const stop = async () => {
      await Promise.all(running.map((worker) => worker.stop(5000)));
      running = [];
    };
    const entries = async () => {
      const found: JournalEntry[] = [];
      for await (const page of journalPages(store)) found.push(...page);
      return found;
    };
    /** Resolves when the journal has consumed the whole log and all gaps are filled. */
    const upToDate = async () => {
      const last = jobBegun(0, 'nobody');
      await bench.publish(last);
      await eventually(async () => (await logCheckpoint(store.query, 'journal'))?.mark === last.id);
      await filled();
    };
    const filled = () =>
      eventually(async () => {
        const gaps = await store.query`SELECT number FROM journal_gaps WHERE filled_at IS NULL`;
        return gaps.length === 0;
      });
    const ofJobs = async () => (await entries()).filter(({ source }) => source === 'jobs');

    it('where signatures are required, stores unsigned events only of types that are open to their source', async () => {
      const source = 'https://jobs.example';
      const [forged, open, foreign] = [
        jobBegun(1),
        { ...jobBegun(2), source },
        { ...jobBegun(3), source: 'elsewhere' },
      ];
      await bench.publish(forged, open, foreign);
      const last = jobBegun(4);
      const signing = signedBroker(bench.broker, { keys: parseFleetKeys('k'.repeat(40)), verification: 'require' });
      const publisher = signing.createPublisher();
      await publisher.ready();
      const message = { exchange: bench.names.events, routingKey: last.type, body: Buffer.from(JSON.stringify(last)) };
      const properties = eventProperties({ ...last, correlationId: last.correlationid, time: Date.parse(last.time) });
      await publisher.publish({ ...message, properties, vouch: { origin: 'fleet' } });
      await publisher.close();
      const definitions = { 'job.begun': fromOutside(shop.definitions['job.begun'], source) };
      await start('one', { broker: signing, definitions });
      await eventually(async () => (await logCheckpoint(store.query, 'journal'))?.mark === last.id);
      expect((await entries()).map(({ id }) => id)).to.have.members([open.id, last.id]);
    });

    it('stores every event of the log once, byte for byte, of any type, and no malformed message', async () => {
      const events = [...numbers(1, 20).map((n) => jobBegun(n)), { ...jobBegun(21), type: 'nobody.knows' }];
      await bench.publish(...events, ...events.slice(0, 5));
      await bench.publishRaw(Buffer.from('rubbish'));
      await start();
      await upToDate();
      const found = await ofJobs();
      expect(found).to.have.length(21);
      for (const event of events) {
        const entry = await journalEvent(store, event.id);
        expect(entry?.body).to.equal(JSON.stringify(event));
        expect(entry).to.include({
          source: 'jobs',
          type: event.type,
          subject: event.subject,
          time: Date.parse(event.time),
        });
        expect(entry?.offset).to.be.a('number');
      }
      expect((await metrics.logPassedOver.get()).values[0]?.value).to.equal(1);
      expect(await journalEvent(store, 'nothing')).to.equal(undefined);
    });

    it('at its first start, recovers from the stores the events that are older than the log', async () => {
      await record(jobs, numbers(1, 1200));
      await bench.publish(...(await record(jobs, numbers(1201, 1210))));
      await start();
      await upToDate();
      expect(await ofJobs()).to.have.length(1210);
      expect(alarms).to.deep.equal([]);
    });

    it('recovers events that the log lost without a gap from the stores, after a restart of journal and broker', async () => {
      await bench.publish(...(await record(jobs, numbers(1, 10))));
      await start();
      await upToDate();
      await stop();
      await record(jobs, numbers(11, 20)); // confirmed, and lost with the broker
      await bench.publish(...(await record(jobs, numbers(21, 30))));
      await start();
      await upToDate();
      expect(await ofJobs()).to.have.length(30);
      await record(jobs, numbers(31, 40));
      const reconnect = await bench.opened.disconnect();
      reconnect();
      await eventually(async () => (await ofJobs()).length === 40);
      await upToDate();
      expect(alarms).to.deep.equal([]);
      expect(await store.query`SELECT kind FROM journal_gaps`).to.deep.equal([{ kind: 'start' }]);
    });

    it('continues after a restart, without duplicates', async () => {
      await bench.publish(...(await record(jobs, numbers(1, 10))));
      await start();
      await upToDate();
      await stop();
      await bench.publish(...(await record(jobs, numbers(11, 30))));
      await start();
      await upToDate();
      expect(await ofJobs()).to.have.length(30);
      expect(alarms).to.deep.equal([]);
    });

    it('counts the events of an earlier version at its start, before it stores new ones', async () => {
      await bench.publish(...numbers(1, 5).map((n) => jobBegun(n)));
      await start();
      await upToDate();
      await stop();
      await store.transaction(async ({ sql }) => void (await sql`DELETE FROM journal_seen`));
      const { uncounted } = await seenCounts(store);
      expect(uncounted).to.be.at.least(5);
      await start();
      await upToDate();
      const counts = await seenCounts(store);
      expect(counts.uncounted).to.equal(0);
      expect(counts.seen.reduce((sum, { count }) => sum + count, 0)).to.equal((await entries()).length);
    });

    it('raises an alarm when the stream was recreated below its position, and recovers the lost events from the stores', async () => {
      await bench.publish(...(await record(jobs, numbers(1, 30))));
      await start();
      await upToDate();
      await stop();
      await bench.publish(...(await record(jobs, numbers(31, 40))));
      await bench.recreateStream();
      await bench.publish(...(await record(jobs, numbers(41, 45))));
      const worker = await start();
      await upToDate();
      expect((await ofJobs()).map(({ subject }) => subject).sort()).to.deep.equal(
        numbers(1, 45)
          .map((n) => `job/${n}`)
          .sort(),
      );
      expect(alarms.join())
        .to.contain('stream was recreated')
        .and.contain('recovering them from the stores of jobs')
        .and.contain('unreachable: the stores of elsewhere');
      expect(worker.state().log?.alarms.join()).to.match(/log\.reset after 30/);
      const { values } = await metrics.logGaps.get();
      expect(values.find(({ labels }) => labels.kind === 'reset')?.value).to.equal(1);
      const filledFrom = await store.query<{ out_of_reach: string }>`SELECT out_of_reach FROM journal_gaps`;
      expect(filledFrom.at(-1)?.out_of_reach).to.equal('elsewhere');
    });

    it('detects a recreated stream while reading, and consumes the live log while it recovers', async () => {
      await bench.publish(...(await record(jobs, numbers(1, 10))));
      await start();
      await upToDate();
      await record(jobs, numbers(11, 1500));
      await bench.recreateStream();
      await bench.publish(...(await record(jobs, numbers(1501, 1510))));
      await upToDate();
      expect(await ofJobs()).to.have.length(1510);
    });

    it('raises an alarm when the log was trimmed beyond its position, and recovers the lost events from the stores', async () => {
      await bench.close();
      await open({ 'x-max-length-bytes': 10_000, 'x-stream-max-segment-size-bytes': 1000 });
      await bench.publish(...(await record(jobs, numbers(1, 5))));
      await start();
      await upToDate();
      await stop();
      for (const n of numbers(6, 205)) await bench.publish(...(await record(jobs, [n])));
      const worker = await start();
      await upToDate();
      const found = await ofJobs();
      expect(found.map(({ subject }) => subject).sort()).to.deep.equal(
        numbers(1, 205)
          .map((n) => `job/${n}`)
          .sort(),
      );
      expect(found.filter(({ offset }) => offset === null).length).to.be.greaterThan(50);
      expect(worker.state().log?.alarms.join()).to.contain('log.gap');
      expect(alarms.join()).to.contain('unreachable: the stores of elsewhere');
    });

    it('is written by one replica at a time', async () => {
      const first = await start('one');
      await upToDate();
      const second = await start('two');
      await eventually(async () => second.state().log?.status === 'standby');
      await bench.publish(...(await record(jobs, numbers(1, 50))));
      await first.stop(5000);
      running = [second];
      await bench.publish(...(await record(jobs, numbers(51, 60))));
      await upToDate();
      expect(await countJournal(store, { source: 'jobs' })).to.equal(60);
      expect(alarms).to.deep.equal([]);
    });
  });
}
