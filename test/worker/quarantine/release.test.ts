import { expect } from 'chai';
import type { Delivery } from '../../../src/broker/broker.js';
import { republished } from '../../../src/broker/messages/republish.js';
import { UnavailableError } from '../../../src/errors.js';
import { drainQueue } from '../../../src/queues/drain-queue.js';
import { eventually } from '../../support/eventually.js';
import { openReleases, walker, type Releases } from './support/releases.js';

const walkedOf = (all: readonly string[], subject: string) =>
  all.filter((note) => note.startsWith(`${subject} `)).map((note) => note.split(' ').at(-1));

for (const kind of ['memory', 'rabbitmq']) {
  describe(`quarantined messages that a newer release can read, on ${kind}`, function () {
    this.timeout(90_000);
    let releases: Releases;
    beforeEach(async () => {
      releases = await openReleases(kind);
    });
    afterEach(() => releases.close());

    const logged = (text: string) => releases.log.lines.some(({ message }) => message === text);
    const settled = (count: number) => eventually(`${count} are settled`, () => releases.outcomes.length >= count);
    const isEmpty = async () =>
      (await releases.rows()).length === 0 && (await releases.ready(releases.names.newer('walker'))) === 0;
    /** Lets an older release quarantine messages of three subjects, with one that it can read behind each. */
    const quarantineSome = async () => {
      const older = await releases.start(walker('older'));
      for (const n of [1, 2, 3, 4]) {
        for (const subject of ['a', 'b', 'c']) await releases.publish(subject, n, { version: n % 2 === 0 ? 1 : 2 });
      }
      await settled(12);
      await older.end();
      releases.outcomes.length = 0;
    };

    it('are handled in the order of their subjects when it starts', async () => {
      await quarantineSome();
      await releases.start(walker('newer'));
      await eventually('the quarantine is empty', isEmpty);
      const walked = await releases.walked();
      expect(walked).to.have.length(12);
      for (const subject of ['a', 'b', 'c']) expect(walkedOf(walked, subject)).to.deep.equal(['1', '2', '3', '4']);
      expect(releases.outcomes.every((outcome) => outcome === 'done')).to.equal(true);
      await releases.publish('a', 5);
      await settled(13);
      expect(walkedOf(await releases.walked(), 'a').at(-1)).to.equal('5');
    });

    it('are handled while it runs beside an older one on the same store', async () => {
      await releases.start(walker('older', { prefetch: 5 }));
      await releases.start(walker('newer', { prefetch: 5 }));
      const subjects = ['a', 'b', 'c', 'd'];
      for (let n = 1; n <= 25; n++) {
        for (const subject of subjects) await releases.publish(subject, n, { version: n % 5 === 0 ? 2 : 1 });
      }
      await eventually('all are handled', async () => (await releases.walked()).length === 100 && isEmpty());
      expect(new Set(await releases.walked())).to.have.property('size', 100);
      expect(await releases.ready(releases.names.dead('walker'))).to.equal(0);
    });

    it('are handled in the order in which they were quarantined, although replicas published them in another one', async () => {
      const older = await releases.start(walker('older'));
      const numbers = Array.from({ length: 12 }, (_, index) => index + 1);
      for (const n of numbers) await releases.publish('a', n);
      await settled(numbers.length);
      await older.end();
      const { names, broker } = releases;
      const messages: Delivery[] = [];
      await drainQueue(broker, names.newer('walker'), {
        limit: 10_000,
        signal: AbortSignal.timeout(10_000),
        handle: async (delivery) => {
          messages.push(delivery);
          delivery.ack();
        },
      });
      const publisher = broker.createPublisher();
      await publisher.ready();
      for (const { body, properties } of messages.reverse()) {
        await publisher.publish({
          exchange: names.failed('walker'),
          routingKey: 'newer',
          body,
          properties: republished(properties),
        });
      }
      await publisher.close();
      await releases.start(walker('newer'));
      await eventually('the quarantine is empty', isEmpty);
      expect(walkedOf(await releases.walked(), 'a')).to.deep.equal(numbers.map(String));
    });

    it('are handled by one of several replicas, once each', async () => {
      await quarantineSome();
      await Promise.all([1, 2, 3].map(() => releases.start(walker('newer'))));
      await eventually('the quarantine is empty', isEmpty);
      await settled(12);
      expect(await releases.walked()).to.have.length(12);
      expect(releases.outcomes).to.deep.equal(Array.from({ length: 12 }, () => 'done'));
    });

    it('stay in their places behind one that it cannot read either', async () => {
      const older = await releases.start(walker('older'));
      await releases.publish('a', 1, { version: 3 });
      await releases.publish('b', 1);
      await releases.publish('a', 2);
      await releases.publish('c', 1, { version: 3 });
      await settled(4);
      await older.end();
      const subjects = async (count: number) =>
        (await releases.quarantined(count)).map(
          ({ body }) => (JSON.parse(Buffer.from(body).toString()) as { subject: string }).subject,
        );
      const before = await subjects(4);
      releases.outcomes.length = 0;
      await releases.start(walker('newer'));
      await eventually('b is handled', async () => (await releases.rows()).length === 3);
      // whoever looks at a queue while others are returned to it changes their order
      await eventually('they are returned', () => logged('Released quarantined messages'));
      expect(await subjects(3)).to.deep.equal(before.filter((subject) => subject !== 'b'));
      expect(releases.outcomes).to.deep.equal(['done']);
      expect(await releases.walked()).to.deep.equal(['b step.taken 1']);
    });

    it('are retried and dead-lettered like others, and do not delay later ones of their subject then', async () => {
      await quarantineSome();
      const handle = ({ subject, data }: { subject: string; data: unknown }, attempt: number) => {
        const { n } = data as { n: number };
        if (subject === 'a' && n === 1 && attempt === 1) throw new Error('not now');
        if (subject === 'b' && n === 1) throw new Error('never');
      };
      await releases.start(walker('newer', { handle }));
      await eventually(
        'all are settled',
        () => releases.outcomes.filter((outcome) => outcome === 'done').length === 11,
      );
      await eventually('the quarantine is empty', isEmpty);
      const counts = (outcome: string) => releases.outcomes.filter((each) => each.startsWith(outcome)).length;
      expect([counts('retried'), counts('dead')]).to.deep.equal([2, 1]);
      expect(walkedOf(await releases.walked(), 'b')).to.deep.equal(['2', '3', '4']);
      expect(await releases.ready(releases.names.dead('walker'))).to.equal(1);
    });

    it('wait while the circuit breaker is open, and spend no attempt meanwhile', async () => {
      await quarantineSome();
      let isDown = true;
      let calls = 0;
      const handle = () => {
        calls += 1;
        if (isDown) throw new UnavailableError('down');
      };
      const worker = await releases.start(walker('newer', { handle, prefetch: 2 }));
      await eventually('it opens', () => worker.state().circuitBreaker === 'open');
      await eventually('it probes', () => calls >= 4);
      isDown = false;
      await eventually('the quarantine is empty', isEmpty);
      await eventually('all are handled', async () => (await releases.walked()).length === 12);
      expect(await releases.ready(releases.names.dead('walker'))).to.equal(0);
      expect(calls).to.be.lessThan(30);
    });

    it('take their slots from the prefetch of the worker', async () => {
      await quarantineSome();
      let running = 0;
      let most = 0;
      const handle = async () => {
        running += 1;
        most = Math.max(most, running);
        await new Promise((resolve) => setTimeout(resolve, 5));
        running -= 1;
      };
      await releases.start(walker('newer', { handle, prefetch: 1 }));
      for (let n = 1; n <= 10; n++) await releases.publish(`d/${n}`, 1);
      await eventually('all are handled', async () => (await releases.walked()).length === 22);
      expect(most).to.equal(1);
    });

    it('are recorded again if the store has lost their rows, so that later ones follow', async () => {
      await quarantineSome();
      const store = await releases.openStore();
      await store.transaction(async (tx) => void (await tx.sql`DELETE FROM flotilla_quarantined`));
      await releases.start(walker('older'));
      await eventually('the rows are back', async () => (await releases.rows()).length === 12);
      await releases.publish('a', 5, { version: 1 });
      await settled(1);
      expect(releases.outcomes).to.deep.equal(['quarantined worker.behind_quarantined']);
      expect(await releases.walked()).to.deep.equal([]);
    });

    it('do not wait for a message that is not in the quarantine any more', async () => {
      const older = await releases.start(walker('older'));
      await releases.publish('a', 1, { version: 3 });
      await releases.publish('a', 2);
      await settled(2);
      await older.end();
      const signal = AbortSignal.timeout(10_000);
      const handle = async (delivery: { ack: () => void }) => delivery.ack();
      await drainQueue(releases.broker, releases.names.newer('walker'), { count: 1, limit: 10_000, signal, handle });
      const store = await releases.openStore();
      await store.transaction(async (tx) => void (await tx.sql`UPDATE flotilla_quarantined SET since = 0`));
      await releases.start(walker('newer'));
      await eventually('the follower is handled', async () => (await releases.walked()).length === 1);
      await eventually('the quarantine is empty', isEmpty);
    });
  });
}
