import { expect } from 'chai';
import { PermanentError, UnavailableError } from 'flotilla';
import { eventually } from '../../support/eventually.js';
import { seededRandom } from '../../support/seed.js';
import type { OutgoingMessage } from '../../../src/broker/broker.js';
import { HEADERS, writeReplaced } from '../../../src/broker/messages/headers.js';
import { systemClock } from '../../../src/concurrency/clock.js';
import type { EventEnvelope } from '../../../src/events/envelope.js';
import { LONGEST_WAIT_MS } from '../../../src/worker/ordering/partition-limits.js';
import { holdSubject, releaseSubject, skipFirst, waitingSubjects } from '../../../src/worker/ordering/operate.js';
import { FlotillaError } from '../../../src/errors.js';
import type { StartWorkerOptions } from '../../../src/worker/prepare.js';
import { refusingStore } from '../../support/refusing-store.js';
import { codeOf } from '../../contract/store-events.js';
import { HeldSyncs } from '../../store/support/held-syncs.js';
import { openSteppers, stepper, type Steppers } from './support/ordered.js';

const stepsOf = (all: readonly string[], subject: string) =>
  all.filter((note) => note.startsWith(`${subject} `)).map((note) => Number(note.split(' ').at(-1)));
const random = seededRandom('ordering');
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

for (const kind of ['memory', 'rabbitmq']) {
  describe(`an ordered worker, on ${kind}`, function () {
    this.timeout(90_000);
    let steppers: Steppers;
    beforeEach(async () => {
      steppers = await openSteppers(kind);
    });
    afterEach(() => steppers.close());

    const handled = (count: number) =>
      eventually(`${count} are handled`, async () => (await steppers.steps()).length >= count);
    const parked = async () => (await steppers.store.query`SELECT key FROM flotilla_parked`).length;

    it('handles the events of a subject in order, and those of several subjects concurrently', async () => {
      let running = 0;
      let most = 0;
      const ofSubject = new Map<string, number>();
      const handle = async ({ subject }: { subject: string }) => {
        running += 1;
        most = Math.max(most, running);
        ofSubject.set(subject, (ofSubject.get(subject) ?? 0) + 1);
        expect(ofSubject.get(subject)).to.equal(1);
        await new Promise((resolve) => setTimeout(resolve, 2));
        running -= 1;
        ofSubject.set(subject, 0);
      };
      const worker = stepper({ handle, prefetch: 20 });
      await Promise.all([steppers.start(worker), steppers.start(worker)]);
      const subjects = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
      for (const n of upTo(15)) for (const subject of subjects) await steppers.publish(subject, n);
      await handled(120);
      const steps = await steppers.steps();
      for (const subject of subjects) expect(stepsOf(steps, subject), subject).to.deep.equal(upTo(15));
      expect(most).to.be.greaterThan(1);
    });

    it('handles the next event once the one before is committed, and settles both once they are durable', async () => {
      let begun = 0;
      const syncs = new HeldSyncs();
      try {
        const worker = await syncs.releaseUntil(steppers.start(stepper({ handle: () => void (begun += 1) })));
        const settled = (count: number) =>
          eventually(`${count} are settled`, () => begun === count && worker.state().inFlight === 0);
        await steppers.publish('a', 0);
        await syncs.releaseUntil(settled(1));
        for (const n of upTo(5)) await steppers.publish('a', n);
        await eventually('all have begun', () => begun === 6);
        expect(worker.state().inFlight).to.equal(5);
        await syncs.releaseUntil(settled(6));
      } finally {
        syncs.restore();
      }
      expect(stepsOf(await steppers.steps(), 'a')).to.deep.equal([0, ...upTo(5)]);
    });

    it('retries an event before the later ones of its subject, while other subjects continue', async () => {
      let failures = 0;
      const handle = ({ subject, n }: { subject: string; n: number }) => {
        if (subject === 'a' && n === 1 && (failures += 1) <= 2) throw new Error('not now');
      };
      await steppers.start(stepper({ handle, delays: ['300ms', '300ms'] }));
      for (const n of upTo(3)) for (const subject of ['a', 'b']) await steppers.publish(subject, n);
      await handled(3);
      expect(stepsOf(await steppers.steps(), 'a')).to.deep.equal([]);
      expect(stepsOf(await steppers.steps(), 'b')).to.deep.equal(upTo(3));
      await handled(6);
      expect(stepsOf(await steppers.steps(), 'a')).to.deep.equal(upTo(3));
      await eventually('nothing is parked', async () => (await parked()) === 0);
    });

    it('quarantines what was parked behind an event of a newer version', async () => {
      const handle = ({ n, attempt }: { n: number; attempt: number }) => {
        if (n === 1 && attempt === 1) throw new Error('not now');
      };
      await steppers.start(stepper({ handle, delays: ['500ms'] }));
      const newer = (message: OutgoingMessage) => ({
        ...message,
        body: Buffer.from(Buffer.from(message.body).toString().replace('step.taken:1', 'step.taken:9')),
      });
      for (const n of upTo(3)) await steppers.publish('a', n, n === 2 ? newer : undefined);
      await eventually(
        'two are quarantined',
        async () => (await steppers.ready(steppers.names.newer('stepper'))) === 2,
        { limit: 10_000 },
      );
      expect(stepsOf(await steppers.steps(), 'a')).to.deep.equal([1]);
    });

    it('continues after the dead letter of an event', async () => {
      const handle = ({ n }: { n: number }) => {
        if (n === 2) throw new PermanentError('step.wrong', 'never');
      };
      await steppers.start(stepper({ handle }));
      for (const n of upTo(4)) await steppers.publish('a', n);
      await handled(3);
      expect(stepsOf(await steppers.steps(), 'a')).to.deep.equal([1, 3, 4]);
      await eventually(async () => (await steppers.ready(steppers.names.dead('stepper'))) === 1);
      await eventually('nothing is parked', async () => (await parked()) === 0);
    });

    it('spends no attempt and keeps the order while the circuit breaker is open', async () => {
      let isDown = true;
      const attempts = new Set<number>();
      const handle = ({ attempt }: { attempt: number }) => {
        attempts.add(attempt);
        if (isDown) throw new UnavailableError('down');
      };
      const worker = await steppers.start(stepper({ handle, delays: ['20ms', '20ms', '20ms', '20ms'] }));
      const subjects = ['a', 'b', 'c', 'd', 'e', 'f'];
      for (const n of upTo(5)) for (const subject of subjects) await steppers.publish(subject, n);
      await eventually('it opens', () => worker.state().circuitBreaker === 'open');
      isDown = false;
      await handled(30);
      const steps = await steppers.steps();
      for (const subject of subjects) expect(stepsOf(steps, subject), subject).to.deep.equal(upTo(5));
      expect(await steppers.ready(steppers.names.dead('stepper'))).to.equal(0);
    });

    it('keeps the order while probes of a circuit breaker fail', async () => {
      let opened = 0;
      const handle = () => {
        if (opened < 6) throw new UnavailableError('down');
      };
      const subjects = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
      for (const n of upTo(10)) for (const subject of subjects) await steppers.publish(subject, n);
      await steppers.start(stepper({ handle, prefetch: 20 }), {
        onCircuitBreaker: (state) => void (state === 'open' && (opened += 1)),
      });
      await handled(80);
      const steps = await steppers.steps();
      for (const subject of subjects) expect(stepsOf(steps, subject), subject).to.deep.equal(upTo(10));
    });

    it('returns messages that have waited long, before the broker closes the channel', async () => {
      let late = 0;
      let proceed = () => {};
      const blocked = new Promise<void>((resolve) => (proceed = resolve));
      const handle = async ({ n }: { n: number }) => {
        if (n === 1) await blocked;
      };
      const clock = { ...systemClock, elapsed: () => systemClock.elapsed() + late };
      const worker = await steppers.start(stepper({ handle }), { clock });
      for (const n of upTo(5)) await steppers.publish('a', n);
      await eventually('all are delivered', () => worker.state().inFlight === 5);
      late = LONGEST_WAIT_MS + 1;
      proceed();
      await handled(5);
      expect(stepsOf(await steppers.steps(), 'a')).to.deep.equal(upTo(5));
      const outcomes = steppers.log.lines.map(({ message }) => message);
      expect(outcomes.filter((outcome) => outcome === 'returned')).to.have.length(4);
    });

    describe('with more waiting events than may be parked', () => {
      const parkingLimits = { all: 10, ofKey: 3 };
      const subjects = ['a', 'b', 'c', 'd'];
      let isDown: boolean;
      const handle = ({ subject, n }: { subject: string; n: number }) => {
        if (isDown && subject !== 'd' && n === 1) throw new Error('not now');
      };
      const worker = stepper({ handle, delays: upTo(100).map(() => '50ms') });
      /** Starts the worker, and resolves when subjects wait until others are handled. */
      const startFull = async (options: Partial<StartWorkerOptions> = {}) => {
        isDown = true;
        const running = await steppers.start(worker, { parkingLimits, ...options });
        for (const n of upTo(8)) for (const subject of subjects) await steppers.publish(subject, n);
        await eventually('subjects wait', () => running.state().full.length > 0);
        return running;
      };
      const expectAll = async () => {
        await handled(8 * subjects.length);
        const steps = await steppers.steps();
        for (const subject of subjects) expect(stepsOf(steps, subject), subject).to.deep.equal(upTo(8));
      };

      it('handles them in order when the first ones succeed', async () => {
        const running = await startFull();
        isDown = false;
        await expectAll();
        await eventually('no subject waits', () => running.state().full.length === 0);
        expect(await parked()).to.equal(0);
      });

      it('handles them in order when the store fails while they wait', async () => {
        let failures = 0;
        const store = refusingStore(steppers.store, (method, sql) => {
          if (method !== 'query' || !sql.includes('AS of_key') || failures === 0) return undefined;
          failures -= 1;
          return new FlotillaError('store.busy', 'for this test');
        });
        await startFull({ store });
        isDown = false;
        failures = 2; // of the first messages that wait, while there is room for the next ones
        await expectAll();
        expect(failures).to.equal(0);
      });

      it('returns them when it stops, so that another replica handles them in order', async () => {
        const running = await startFull();
        await running.stop(600_000);
        isDown = false;
        await steppers.start(worker);
        await expectAll();
      });
    });

    describe('that holds a subject after a dead letter', () => {
      const holding = { by: 'subject', partitions: 4, whenExhausted: 'hold' } as const;
      const wrong = new Set(['a 2']);
      const handle = ({ subject, n }: { subject: string; n: number }) => {
        if (wrong.has(`${subject} ${n}`)) throw new PermanentError('step.wrong', 'never');
      };
      /** Publishes four events of two subjects; the second one of `a` is dead-lettered. */
      const publishAll = async () => {
        await steppers.start(stepper({ handle, ordering: holding }));
        const sent = [];
        for (const n of upTo(4)) {
          sent.push(await steppers.publish('a', n));
          await steppers.publish('b', n);
        }
        await handled(5);
        await eventually('the followers are parked', async () => (await parked()) === 3);
        await eventually(async () => (await steppers.ready(steppers.names.dead('stepper'))) === 1);
        expect(stepsOf(await steppers.steps(), 'a')).to.deep.equal([1]);
        expect(stepsOf(await steppers.steps(), 'b')).to.deep.equal(upTo(4));
        return sent;
      };
      const replay = (edit: (body: EventEnvelope) => EventEnvelope, headers: Record<string, string | number> = {}) =>
        steppers.publish('a', 2, (message) => {
          const event = edit(JSON.parse(Buffer.from(message.body).toString()) as EventEnvelope);
          const own = { ...message.properties.headers, [HEADERS.replays]: 1, ...headers };
          return {
            ...message,
            exchange: '',
            routingKey: steppers.names.queue('stepper'),
            body: Buffer.from(JSON.stringify(event)),
            properties: { ...message.properties, messageId: event.id, headers: own },
          };
        });

      it('handles the edited event first when it is replayed, then the later ones', async () => {
        const [, second] = await publishAll();
        await replay((event) => ({ ...event, data: { n: 20 } }), { [HEADERS.key]: second?.id ?? '' });
        await handled(8);
        expect(stepsOf(await steppers.steps(), 'a')).to.deep.equal([1, 20, 3, 4]);
        await eventually('nothing is parked', async () => (await parked()) === 0);
        await steppers.publish('a', 5);
        await handled(9);
      });

      it('handles the edited event also while later ones wait until there is room', async () => {
        const running = await steppers.start(stepper({ handle, ordering: holding }), {
          parkingLimits: { all: 100, ofKey: 3 },
        });
        const sent = [];
        for (const n of upTo(8)) sent.push(await steppers.publish('a', n));
        await eventually('it waits', () => running.state().full.includes('a'));
        await eventually(async () => (await steppers.ready(steppers.names.dead('stepper'))) === 1);
        await replay((event) => ({ ...event, data: { n: 20 } }), { [HEADERS.key]: sent[1]?.id ?? '' });
        await handled(8);
        expect(stepsOf(await steppers.steps(), 'a')).to.deep.equal([1, 20, 3, 4, 5, 6, 7, 8]);
      });

      it('handles neither the edited event nor the original one again if they are delivered again', async () => {
        const [, second] = await publishAll();
        if (second === undefined) throw new Error('nothing was published');
        const headers = {
          [HEADERS.key]: second.id,
          [HEADERS.replaces]: writeReplaced([{ source: second.source, id: second.id }]),
        };
        await replay((event) => ({ ...event, data: { n: 20 } }), headers);
        await handled(8);
        await steppers.publish('a', 2, (message) => ({ ...message, body: Buffer.from(JSON.stringify(second)) }));
        await replay((event) => ({ ...event, data: { n: 21 } }), headers);
        await steppers.publish('a', 5);
        await handled(9);
        await eventually('nothing is parked', async () => (await parked()) === 0);
        expect(stepsOf(await steppers.steps(), 'a')).to.deep.equal([1, 20, 3, 4, 5]);
        expect(await steppers.ready(steppers.names.dead('stepper'))).to.equal(1);
      });

      it('handles the same event again when it is replayed unchanged', async () => {
        const [, second] = await publishAll();
        wrong.clear();
        await replay(() => second as EventEnvelope);
        await handled(8);
        wrong.add('a 2');
        expect(stepsOf(await steppers.steps(), 'a')).to.deep.equal(upTo(4));
      });

      it('parks what is replayed of the subject while another event holds it', async () => {
        await publishAll();
        await replay((event) => ({ ...event, data: { n: 9 } }));
        await eventually('it is parked', async () => (await parked()) === 4);
        expect(stepsOf(await steppers.steps(), 'a')).to.deep.equal([1]);
      });

      it('continues without the event when it is skipped', async () => {
        await publishAll();
        const skipped = await skipFirst(steppers.store, 'stepper', 'a', Date.now());
        expect(skipped?.type).to.equal('step.taken');
        await handled(7);
        expect(stepsOf(await steppers.steps(), 'a')).to.deep.equal([1, 3, 4]);
      });

      it('attempts the event again when it is released', async () => {
        await publishAll();
        wrong.clear();
        await releaseSubject(steppers.store, 'stepper', 'a', Date.now());
        await handled(8);
        wrong.add('a 2');
        expect(stepsOf(await steppers.steps(), 'a')).to.deep.equal(upTo(4));
      });

      it('is held by hand, too', async () => {
        await steppers.start(stepper({ handle, ordering: holding }));
        expect(await holdSubject(steppers.store, 'stepper', 'c', Date.now())).to.equal(true);
        expect(await holdSubject(steppers.store, 'stepper', 'c', Date.now())).to.equal(false);
        for (const n of upTo(3)) await steppers.publish('c', n);
        await eventually('all are parked', async () => (await parked()) === 3);
        const [waiting] = await waitingSubjects(steppers.store, 'stepper');
        expect(waiting).to.deep.include({ subject: 'c', parked: 3 });
        await releaseSubject(steppers.store, 'stepper', 'c', Date.now());
        await handled(3);
        expect(stepsOf(await steppers.steps(), 'c')).to.deep.equal(upTo(3));
        expect(await codeOf(releaseSubject(steppers.store, 'stepper', 'c', Date.now()))).to.equal('subject.not_held');
      });

      it('is also held by an event that its schema refuses', async () => {
        await steppers.start(stepper({ handle, ordering: holding }));
        const broken = (event: EventEnvelope) => ({
          ...event,
          dataschema: 'urn:flotilla:step.taken:1',
          data: { n: 'x' },
        });
        await steppers.publish('d', 1, (message) => ({
          ...message,
          body: Buffer.from(JSON.stringify(broken(JSON.parse(Buffer.from(message.body).toString()) as EventEnvelope))),
        }));
        await eventually('it is held', async () => (await waitingSubjects(steppers.store, 'stepper')).length === 1);
        const [waiting] = await waitingSubjects(steppers.store, 'stepper');
        expect(waiting).to.deep.include({ subject: 'd', parked: 1 });
        expect(waiting?.hold?.code).to.equal('contract.invalid_data');
      });
    });

    it('probes a dependency with a parked message if its queues are empty', async () => {
      let isDown = true;
      const handle = () => {
        if (isDown) throw new UnavailableError('down');
      };
      const worker = await steppers.start(stepper({ handle, delays: ['20ms', '20ms', '20ms', '20ms'] }));
      for (const subject of ['a', 'b', 'c']) await steppers.publish(subject, 1);
      await eventually('it opens', () => worker.state().circuitBreaker === 'open');
      await eventually('all are parked', async () => (await parked()) === 3);
      isDown = false;
      await handled(3);
    });

    it('handles events of other types in no particular order', async () => {
      let unblock = () => {};
      const blocked = new Promise<void>((resolve) => (unblock = resolve));
      const handle = ({ n }: { n: number }) => (n === 1 ? blocked : undefined);
      await steppers.start(stepper({ handle, ordering: { by: 'subject', partitions: 4, unordered: ['step.seen'] } }));
      await steppers.publish('a', 1);
      await steppers.publish('a', 2, undefined, 'step.seen');
      await handled(1);
      expect(await steppers.steps()).to.deep.equal(['seen a 2']);
      unblock();
      await handled(2);
    });

    it('handles messages without a slot in the order of their arrival', async () => {
      await steppers.start(stepper());
      const unslotted = (message: OutgoingMessage) => ({
        ...message,
        properties: { ...message.properties, headers: {} },
      });
      for (const n of upTo(10)) await steppers.publish('a', n, unslotted);
      await handled(10);
      expect(stepsOf(await steppers.steps(), 'a')).to.deep.equal(upTo(10));
    });

    it('keeps the order while replicas start, stop and fail at random', async () => {
      const subjects = Array.from({ length: 12 }, (_, index) => `s${index}`);
      const count = 20;
      const dead = new Set<string>();
      const fails = new Map<string, number>();
      for (const subject of subjects) {
        for (const n of upTo(count)) {
          if (random() < 0.05) dead.add(`${subject} ${n}`);
          else if (random() < 0.2) fails.set(`${subject} ${n}`, random() < 0.5 ? 1 : 2);
        }
      }
      const handle = async ({ subject, n, attempt }: { subject: string; n: number; attempt: number }) => {
        await new Promise((resolve) => setTimeout(resolve, random() * 4));
        if (dead.has(`${subject} ${n}`)) throw new PermanentError('step.wrong', 'never');
        if (attempt <= (fails.get(`${subject} ${n}`) ?? 0)) throw new Error('not now');
      };
      const worker = stepper({ handle, prefetch: 10 });
      let replicas = await Promise.all([steppers.start(worker), steppers.start(worker)]);
      for (const n of upTo(count)) {
        for (const subject of subjects) await steppers.publish(subject, n);
        if (n % 4 !== 0) continue;
        const [first, ...others] = replicas;
        replicas = [...others, await steppers.start(worker)];
        await first?.end();
      }
      const wanted = subjects.length * count - dead.size;
      await handled(wanted);
      await eventually('nothing is parked', async () => (await parked()) === 0);
      const steps = await steppers.steps();
      expect(new Set(steps).size).to.equal(steps.length);
      for (const subject of subjects) {
        expect(stepsOf(steps, subject), subject).to.deep.equal(upTo(count).filter((n) => !dead.has(`${subject} ${n}`)));
      }
      await eventually(async () => (await steppers.ready(steppers.names.dead('stepper'))) === dead.size);
    });
  });
}
