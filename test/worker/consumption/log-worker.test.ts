import { expect } from 'chai';
import type { Broker } from '../../../src/broker/broker.js';
import { FlotillaError, PermanentError, UnavailableError } from '../../../src/errors.js';
import type { EventEnvelope } from '../../../src/events/envelope.js';
import { logCheckpoint, migrateLogCheckpoints } from '../../../src/event-log/positions/checkpoint-table.js';
import type { Store } from '../../../src/store/store.js';
import { createMetrics, type Metrics } from '../../../src/telemetry/metrics.js';
import type { WorkerDefinition } from '../../../src/worker/definition/worker-definition.js';
import type { DeliveryOutcome } from '../../../src/worker/pipeline/settle.js';
import { queuesOf } from '../../../src/worker/definition/queues.js';
import { startWorker, type RunningWorker } from '../../../src/worker/start.js';
import { shop, tallyMigrations } from '../../support/shop.js';
import { jobBegun, numbers, openLogFixture, type LogFixture } from '../../event-log/support/log-fixture.js';
import { recordingLogger } from '../../support/recording-logger.js';
import { refusingStore } from '../../support/refusing-store.js';
import { eventually } from '../../support/eventually.js';
import { workerDefinitionOf } from '../../../src/worker/definition/worker-definition.js';

/** Records each handled number with its attempt. */
function tallier(
  handle: (n: number, ctx: { attempt: number }) => Promise<void> | void = () => undefined,
  options: { offset?: 'first' | 'next'; prefetch?: number } = {},
): WorkerDefinition {
  return workerDefinitionOf(
    shop.defineWorker({
      name: 'late',
      from: 'log',
      migrations: tallyMigrations,
      retry: { delays: ['50ms'] },
      circuitBreaker: { failures: 2, halfOpenAfter: '100ms' },
      ...options,
      on: {
        'job.begun': async ({ data: { n } }, ctx) => {
          await handle(n, ctx);
          const { attempt } = ctx;
          ctx.write(async ({ sql }) => void (await sql`insert into tally (n, attempt) values (${n}, ${attempt})`));
        },
      },
    }),
  );
}

for (const kind of ['memory', 'rabbitmq']) {
  describe(`a worker that reads the log, on ${kind}`, function () {
    this.timeout(90_000);
    let bench: LogFixture;
    let store: Store;
    let running: RunningWorker[];
    let outcomes: DeliveryOutcome[];
    let metrics: Metrics;
    let log: ReturnType<typeof recordingLogger>;

    beforeEach(async () => {
      bench = await openLogFixture(kind, { workers: [queuesOf(tallier())] });
      store = await bench.open('late');
      await migrateLogCheckpoints(store);
      running = [];
      outcomes = [];
      metrics = createMetrics();
      log = recordingLogger('warn');
    });
    afterEach(async () => {
      await Promise.all(running.map((worker) => worker.stop(5000)));
      await bench.close();
    });

    const start = async (definition: WorkerDefinition, instance = 'one', own = store, broker = bench.broker) => {
      const worker = await startWorker(definition, {
        store: own,
        broker,
        prefix: bench.opened.prefix,
        instance,
        logger: log.logger,
        metrics,
        observe: (_, outcome) => outcomes.push(outcome),
      });
      running.push(worker);
      return worker;
    };
    const tally = async () =>
      (await store.query<{ n: number }>`select n from tally order by n`).map(({ n }) => Number(n));
    const handled = (...wanted: number[]) => eventually(async () => (await tally()).length >= wanted.length);
    const publish = (from: number, to: number) => bench.publish(...numbers(from, to).map((n) => jobBegun(n)));
    /** Resolves when its checkpoint is past every entry of the log. */
    const settled = async (event: EventEnvelope) => {
      await bench.publish(event);
      await eventually(async () => (await logCheckpoint(store.query, 'late'))?.mark === event.id);
    };

    it('handles past and new events once each', async () => {
      await publish(1, 30);
      await bench.publish(jobBegun(99, 'jobs', 'job.finished'));
      await start(tallier());
      await handled(...numbers(1, 30));
      await publish(31, 60);
      await handled(...numbers(1, 60));
      expect(await tally()).to.deep.equal(numbers(1, 60));
      expect(outcomes.every((outcome) => outcome === 'done')).to.equal(true);
    });

    it('begins with the next event where its offset is `next`', async () => {
      await publish(1, 5);
      const worker = await start(tallier(() => undefined, { offset: 'next' }));
      await eventually(async () => worker.state().log?.status === 'reading');
      await publish(6, 8);
      await handled(6, 7, 8);
      expect(await tally()).to.deep.equal([6, 7, 8]);
    });

    it('begins with the next event also where the log does not respond at first', async () => {
      await publish(1, 3);
      // RabbitMQ reports the length of a stream with a delay of some seconds
      await eventually(async () => ((await bench.broker.queueDepth(bench.names.log))?.ready ?? 0) > 0);
      let reads = 0;
      const slow: Broker = {
        ...bench.broker,
        get state() {
          return bench.broker.state;
        },
        readStream(stream, options) {
          reads += 1;
          if (reads > 1) return bench.broker.readStream(stream, options);
          return { reading: false, close: () => Promise.resolve() };
        },
      };
      const definition = tallier(() => undefined, { offset: 'next' });
      const worker = await start(definition, 'one', store, slow);
      await eventually(async () => worker.state().log?.status === 'reading');
      await publish(4, 4);
      await eventually(async () => (await tally()).includes(4));
      expect(await tally()).to.deep.equal([4]);
    });

    it('continues from its checkpoint after a restart', async () => {
      await publish(1, 20);
      const first = await start(tallier());
      await handled(...numbers(1, 20));
      await first.stop(5000);
      running = [];
      outcomes = [];
      await publish(21, 25);
      await start(tallier());
      await handled(...numbers(1, 25));
      // a message is settled after its commit, which `handled` waits for
      await eventually(async () => outcomes.length >= 5);
      expect(outcomes).to.deep.equal(Array(5).fill('done'));
    });

    it('keeps its checkpoint before an event in flight, which the next leader handles', async () => {
      let isStuck = true;
      const never = new Promise<void>(() => undefined);
      await publish(1, 10);
      const first = await start(tallier((n) => (n === 3 && isStuck ? never : undefined)));
      await handled(...numbers(1, 9));
      await first.stop(0);
      running = [];
      isStuck = false;
      await start(tallier());
      await handled(...numbers(1, 10));
      expect(await tally()).to.deep.equal(numbers(1, 10));
    });

    it('retries failed events through its queues and dead-letters poison events, while it handles others', async () => {
      await start(
        tallier((n, { attempt }) => {
          if (n === 3 && attempt === 1) throw new Error('not yet');
          if (n === 5) throw new PermanentError('job.useless', 'never');
        }),
      );
      await publish(1, 10);
      await handled(...numbers(1, 9));
      expect(await tally()).to.deep.equal([1, 2, 3, 4, 6, 7, 8, 9, 10]);
      await eventually(async () => (await bench.broker.queueDepth(bench.names.dead('late')))?.ready === 1);
      const [third] = await store.query<{ attempt: number }>`select attempt from tally where n = 3`;
      expect(third?.attempt).to.equal(2);
    });

    it('ignores messages that are not events, and dead-letters an event of its types with invalid data', async () => {
      await bench.publishRaw(Buffer.from('rubbish'));
      await bench.publishRaw(Buffer.from('{"type":"job.begun"}'));
      await bench.publish({ ...jobBegun(1), data: { n: 'one' } });
      await start(tallier());
      await settled(jobBegun(2));
      expect(await tally()).to.deep.equal([2]);
      await eventually(async () => (await bench.broker.queueDepth(bench.names.dead('late')))?.ready === 1);
      expect((await metrics.logPassedOver.get()).values[0]?.value).to.equal(2);
    });

    it('has at most its prefetch in flight', async () => {
      let now = 0;
      let most = 0;
      const work = async () => {
        most = Math.max(most, ++now);
        for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
        now -= 1;
      };
      await publish(1, 60);
      await start(tallier(work, { prefetch: 7 }));
      await handled(...numbers(1, 60));
      expect(most).to.be.within(2, 7);
    });

    it('handles only probes while its dependency is unavailable, and skips no event', async () => {
      let isDown = true;
      let failures = 0;
      const worker = await start(
        tallier(() => {
          if (!isDown) return;
          failures += 1;
          throw new UnavailableError('down');
        }),
      );
      await publish(1, 20);
      await eventually(async () => worker.state().pauses.includes('circuit breaker') && failures > 2);
      await publish(21, 40);
      const probes = failures;
      await eventually(async () => failures >= probes + 3);
      expect(outcomes.filter((outcome) => outcome === 'returned').length, 'given out in vain').to.be.lessThan(10);
      isDown = false;
      await handled(...numbers(1, 40));
      expect(await tally()).to.deep.equal(numbers(1, 40));
    });

    it('reads again the events that its store did not accept, and handles them in order', async () => {
      let failures = 2;
      const moody = new Proxy(store, {
        get(target, key) {
          if (key === 'handled' && failures-- > 0) return () => Promise.reject(new FlotillaError('store.busy'));
          const value: unknown = Reflect.get(target, key, target);
          return typeof value === 'function' ? (value.bind(target) as unknown) : value;
        },
      });
      await start(tallier(), 'one', moody);
      await publish(1, 10);
      await handled(...numbers(1, 10));
      expect(await tally()).to.deep.equal(numbers(1, 10));
    });

    it('logs once that its checkpoint is not stored, and when it is stored again', async () => {
      let isFull = false;
      const full = refusingStore(store, (method) =>
        method === 'transaction' && isFull ? new FlotillaError('store.full') : undefined,
      );
      await start(tallier(), 'one', full);
      await publish(1, 1);
      await handled(1);
      isFull = true;
      await bench.publish(jobBegun(99, 'jobs', 'job.finished'));
      await eventually(() => log.lines.length > 0);
      isFull = false;
      await eventually(() => log.lines.length > 1);
      expect(log.lines.map(({ level, message }) => [level, message])).to.deep.equal([
        ['warn', 'Checkpoint of the log not stored; retrying'],
        ['warn', 'Checkpoint of the log stored again'],
      ]);
    });

    it('reads in one replica at a time, and another replica takes over', async () => {
      const first = await start(tallier(), 'one');
      await publish(1, 10);
      await handled(...numbers(1, 10));
      const second = await start(tallier(), 'two');
      await eventually(async () => second.state().log?.status === 'standby');
      await first.stop(5000);
      running = [second];
      await publish(11, 20);
      await handled(...numbers(1, 20));
      expect(await tally()).to.deep.equal(numbers(1, 20));
      expect(second.state().log?.status).to.equal('reading');
    });

    it('raises an alarm when the stream was recreated, and continues with the new one', async () => {
      await publish(1, 10);
      const worker = await start(tallier());
      await settled(jobBegun(11));
      await bench.recreateStream();
      await settled(jobBegun(12));
      expect(await tally()).to.deep.equal(numbers(1, 12));
      expect(worker.state().log?.alarms).to.deep.equal(['log.reset after 10']);
      const counted = (await metrics.logGaps.get()).values.find(({ labels }) => labels.kind === 'reset');
      expect(counted).to.deep.include({ value: 1, labels: { worker: 'late', kind: 'reset' } });
    });
  });
}
