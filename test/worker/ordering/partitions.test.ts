import { expect } from 'chai';
import { topologyOf, type SetSize } from '../../../src/broker/topology/topology.js';
import { slotOf, type PartitionCount } from '../../../src/broker/messages/slot-headers.js';
import { setsInBroker } from '../../../src/broker/topology/partition-sets.js';
import { sleep } from '../../../src/concurrency/sleep.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import { createMetrics } from '../../../src/telemetry/metrics.js';
import { queuesOf } from '../../../src/worker/definition/queues.js';
import { workerDefinitionOf } from '../../../src/worker/definition/worker-definition.js';
import {
  movePartitions,
  type MovePartitionsOptions,
  type MoveStep,
} from '../../../src/worker/ordering/partitions/move-partitions.js';
import { migrateOrdering } from '../../../src/worker/ordering/migrate-ordering.js';
import { readPartitions } from '../../../src/worker/ordering/partitions/partition-table.js';
import { eventually } from '../../support/eventually.js';
import { codeOf } from '../../contract/store-events.js';
import { seededRandom } from '../../support/seed.js';
import { openSteppers, stepper, type Steppers } from './support/ordered.js';

const random = seededRandom('partitions');
const SIZES: readonly SetSize[] = [1, 4, 8, 16, 32];
const STEPS = ['begun', 'declared', 'switched', 'passed', 'completed'] as const satisfies readonly MoveStep['step'][];
const SUBJECTS = Array.from({ length: 24 }, (_, index) => `walk/${index}`);

for (const kind of ['memory', 'rabbitmq']) {
  describe(`the partitions of an ordered worker, on ${kind}`, function () {
    this.timeout(90_000);
    let steppers: Steppers;
    let moves: number;
    beforeEach(async () => {
      moves = 0;
      steppers = await openSteppers(kind);
    });
    afterEach(() => steppers.close());

    const limits = { prefix: '', log: { maxAge: '1h', maxBytes: 20_000_000 }, unroutedMax: 100 };
    const topology = () =>
      topologyOf([queuesOf(workerDefinitionOf(stepper()))], { ...limits, prefix: steppers.prefix });
    const move = (to: PartitionCount, options: Partial<MovePartitionsOptions> = {}) =>
      movePartitions({
        ...{ store: steppers.store, broker: steppers.broker, names: steppers.names, worker: 'stepper' },
        ...{ defined: 4, to, holder: `mover-${(moves += 1)}`, settle: 20 },
        logger: silentLogger(),
        signal: AbortSignal.timeout(60_000),
        ...options,
      });
    const sets = () => setsInBroker(steppers.broker, 'stepper', SIZES, steppers.names);
    const state = () => readPartitions(steppers.store.query, 'stepper');

    /** Publishes the next event of random subjects until `stop`; resolves with the number of events of each subject. */
    function load(): { stop: () => Promise<Map<string, number>> } {
      const counts = new Map<string, number>();
      let isStopped = false;
      const publishing = (async () => {
        while (!isStopped) {
          const subject = SUBJECTS[Math.floor(random() * SUBJECTS.length)] ?? 'walk/0';
          const n = (counts.get(subject) ?? 0) + 1;
          await steppers.publish(subject, n);
          counts.set(subject, n);
          await sleep(1);
        }
      })();
      return {
        async stop() {
          isStopped = true;
          await publishing;
          return counts;
        },
      };
    }

    /** Every event is handled once, those of a subject in order. */
    async function check(counts: ReadonlyMap<string, number>): Promise<void> {
      const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
      await eventually(`${total} are handled`, async () => (await steppers.steps()).length >= total, { limit: 30_000 });
      const steps = await steppers.steps();
      expect(steps).to.have.lengthOf(total);
      for (const [subject, count] of counts) {
        const own = steps
          .filter((note) => note.startsWith(`${subject} `))
          .map((note) => Number(note.split(' ').at(-1)));
        expect(own, subject).to.deep.equal(Array.from({ length: count }, (_, index) => index + 1));
      }
    }

    it('change their number while failing events are handled, without changing the order of any subject', async () => {
      const handle = ({ attempt }: { attempt: number }) => {
        if (attempt === 1 && random() < 0.2) throw new Error('not now');
      };
      const worker = stepper({ handle, prefetch: 20 });
      await Promise.all([steppers.start(worker), steppers.start(worker)]);
      const loading = load();
      for (const to of kind === 'memory' ? ([16, 4, 8, 32] as const) : ([8, 4] as const)) {
        expect(await move(to)).to.deep.equal({ changed: true, size: to, late: 0 });
        expect(await sets()).to.deep.equal([to]);
      }
      await check(await loading.stop());
    });

    it('report a change that no command continues', async () => {
      const metrics = createMetrics();
      const isReported = async (value: 0 | 1) =>
        eventually(`reported: ${value}`, async () => {
          const { values } = await metrics.changeInterrupted.get();
          return values[0]?.value === value;
        });
      await steppers.start(stepper(), { metrics, pollInterval: 50 });
      await isReported(0);
      const killed = new AbortController();
      const onStep = ({ step }: MoveStep) => {
        if (step === 'declared') killed.abort();
      };
      expect(await codeOf(move(8, { onStep, signal: killed.signal }))).not.to.equal(undefined);
      await isReported(1);
      const lease = await steppers.store.acquireLease('partitions:stepper', 'another', 60_000);
      await isReported(0);
      if (lease !== undefined) await steppers.store.releaseLease(lease);
      await isReported(1);
      await move(8);
      await isReported(0);
    });

    it('are consumed only when the old ones with the same subjects are empty', async () => {
      let release = () => undefined as void;
      const first = new Promise<void>((resolve) => (release = resolve));
      const handle = ({ n }: { n: number }) => (n === 1 ? first : undefined);
      await steppers.start(stepper({ handle }));
      await steppers.publish('walk/1', 1);
      const moving = move(8);
      await eventually('new messages go to the new partitions', async () => (await state())?.moving?.passed.size === 3);
      await steppers.publish('walk/1', 2);
      const others = SUBJECTS.filter((subject) => subject !== 'walk/1');
      for (const subject of others) await steppers.publish(subject, 2);
      await eventually('other subjects go on', async () => (await steppers.steps()).length >= 12);
      expect(await steppers.steps()).not.to.include('walk/1 2');
      const waiting = steppers.names.partition('stepper', 8, slotOf('walk/1') % 8);
      expect(await steppers.broker.queueDepth(waiting)).to.include({ consumers: 0 });
      release();
      await moving;
      await eventually('all are handled', async () => (await steppers.steps()).length === 25);
      const own = (await steppers.steps()).filter((note) => note.startsWith('walk/1 '));
      expect(own).to.deep.equal(['walk/1 1', 'walk/1 2']);
    });

    it('continue a change that was interrupted at any step', async () => {
      await steppers.start(stepper());
      const loading = load();
      for (const [index, step] of STEPS.entries()) {
        const to = index % 2 === 0 ? 8 : 4;
        const onStep = (reached: MoveStep) => {
          if (reached.step === step) throw new Error('interrupted');
        };
        const interrupted = await move(to, { onStep }).catch((error: unknown) => error);
        expect(String(interrupted), step).to.contain('interrupted');
        if (step !== 'completed') expect((await state())?.moving?.to, step).to.equal(to);
        await steppers.broker.applyTopology(topology());
        expect((await move(to)).size, step).to.equal(to);
        expect(await sets(), step).to.deep.equal([to]);
      }
      await check(await loading.stop());
    });

    it('refuse another change while one is under way', async () => {
      await steppers.start(stepper());
      const onStep = () => {
        throw new Error('interrupted');
      };
      await move(16, { onStep }).catch(() => undefined);
      expect(await codeOf(move(8))).to.equal('partitions.moving');
      expect(await move(16)).to.include({ changed: true });
      expect(await move(16)).to.include({ changed: false });
    });

    it('wait for a worker that does not run, and end with a reason', async () => {
      await migrateOrdering(steppers.store);
      expect(await codeOf(move(8, { patience: 50 }))).to.equal('partitions.waiting');
      await steppers.publish('walk/1', 1);
      await steppers.start(stepper());
      expect(await move(8)).to.include({ changed: true });
      await eventually('it is handled', async () => (await steppers.steps()).length === 1);
    });

    it('are those of the broker for a worker without a store', async () => {
      await steppers.start(stepper()).then(async (worker) => {
        await move(16);
        await worker.end();
      });
      await steppers.store.transaction(async ({ sql }) => void (await sql`DELETE FROM flotilla_partitions`));
      await steppers.publish('walk/1', 1);
      await steppers.start(stepper());
      await eventually('it is handled', async () => (await steppers.steps()).length === 1);
      expect((await state())?.size).to.equal(16);
    });

    it('keep a message that arrives in an old one after its end', async () => {
      let late: Promise<unknown> | undefined;
      await steppers.start(stepper());
      const onStep = ({ step }: MoveStep) => {
        if (step !== 'completed') return;
        const to = { exchange: '', routingKey: steppers.names.partition('stepper', 4, 1) };
        late = steppers.publish('walk/1', 1, (message) => ({ ...message, ...to }));
      };
      await move(8, { onStep });
      await late;
      await eventually('it is handled', async () => (await steppers.steps()).length === 1);
      expect(await sets()).to.deep.equal([8]);
    });

    it('do not take a header of a publisher for a marker', async () => {
      await steppers.start(stepper());
      await steppers.publish('walk/1', 1, (message) => ({
        ...message,
        properties: { ...message.properties, headers: { ...message.properties.headers, 'flotilla-marker': 1 } },
      }));
      await eventually('it is handled', async () => (await steppers.steps()).length === 1);
    });

    it('are busy while another process changes them', async () => {
      await steppers.store.acquireLease('partitions:stepper', 'another', 60_000);
      expect(await codeOf(move(8, { leaseWait: 50 }))).to.equal('partitions.busy');
    });
  });
}
