import { expect } from 'chai';
import { PermanentError } from 'flotilla';
import { codeOf as codeOfRejection } from '../../contract/store-events.js';
import { eventually } from '../../support/eventually.js';
import { seededRandom } from '../../support/seed.js';
import type { Delivery, OutgoingMessage } from '../../../src/broker/broker.js';
import { positionHeader } from '../../../src/broker/messages/event-position.js';
import { HEADERS, textHeader } from '../../../src/broker/messages/headers.js';
import type { EventEnvelope } from '../../../src/events/envelope.js';
import type { OrderingOptions } from '../../../src/worker/definition/options.js';
import { holdSubject, releaseSubject, skipFirst, waitingSubjects } from '../../../src/worker/ordering/operate.js';
import { sequenceKey } from '../../../src/worker/ordering/sequence.js';
import { systemClock } from '../../../src/concurrency/clock.js';
import { resetWorker } from '../../../src/replay/reset-worker.js';
import type { Sql } from '../../../src/store/store.js';
import { workerDefinitionOf, type Worker } from '../../../src/worker/definition/worker-definition.js';
import { openSteppers, stepper, type StepperOptions, type Steppers } from './support/ordered.js';

const random = seededRandom('sequence');
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);
const keyOf = (subject: string) => sequenceKey({ source: 'test', subject });
const codeOf = ({ properties }: Delivery) => properties.headers[HEADERS.errorCode];
const detailOf = ({ properties }: Delivery) => textHeader(properties.headers, HEADERS.errorMessage);

/** A worker that handles consecutive numbers. */
const sequenced = ({
  ordering,
  handle,
}: { ordering?: Omit<OrderingOptions<never>, 'by'>; handle?: StepperOptions['handle'] } = {}) =>
  stepper({
    ordering: { by: 'sequence', partitions: 4, gapTimeout: '10m', ...ordering },
    ...(handle !== undefined && { handle }),
  });
const impatient = { gapTimeout: '200ms' };

for (const kind of ['memory', 'rabbitmq']) {
  describe(`a worker that handles consecutive numbers, on ${kind}`, function () {
    this.timeout(60_000);
    let steppers: Steppers;
    beforeEach(async () => {
      steppers = await openSteppers(kind);
    });
    afterEach(() => steppers.close());

    const stepsOf = async (subject: string) =>
      (await steppers.steps()).flatMap((note) =>
        note.startsWith(`${subject} `) ? [Number(note.split(' ').at(-1))] : [],
      );
    const handled = (count: number) =>
      eventually(`${count} are handled`, async () => (await steppers.steps()).length >= count);
    const parked = async () => (await steppers.store.query`SELECT key FROM flotilla_parked`).length;
    const publish = async (subject: string, ...numbers: number[]) => {
      const events: EventEnvelope[] = [];
      for (const n of numbers) events.push(await steppers.publish(subject, n));
      return events;
    };
    const waiting = () => waitingSubjects(steppers.store, 'stepper');
    const held = () => eventually('it is held', async () => (await waiting()).some(({ hold }) => hold !== undefined));
    /** Sends a dead letter again, possibly edited. */
    const replay = (event: EventEnvelope, headers: Record<string, string | number> = {}) =>
      steppers.publish(event.subject, 0, (message) => ({
        ...message,
        exchange: '',
        routingKey: steppers.names.queue('stepper'),
        body: Buffer.from(JSON.stringify(event)),
        properties: {
          ...message.properties,
          messageId: event.id,
          headers: { ...message.properties.headers, [HEADERS.replays]: 1, ...headers },
        },
      }));
    /** An event with other data in place of one, and its headers. */
    const edited = ({ id, sequence: _, ...event }: EventEnvelope, number: number, data: object) =>
      [
        { ...event, id: `${id}-2`, source: 'ops', data },
        { [HEADERS.key]: id, ...positionHeader({ source: 'test', subject: event.subject, number }) },
      ] as const;
    const withBody = (change: (event: EventEnvelope) => object) => (message: OutgoingMessage) => ({
      ...message,
      body: Buffer.from(JSON.stringify(change(JSON.parse(Buffer.from(message.body).toString()) as EventEnvelope))),
    });

    it('lets an early event wait for its predecessors, and no other subject', async () => {
      await steppers.start(sequenced());
      await publish('a', 1, 4, 3);
      await publish('b', 1, 2, 3);
      await handled(4);
      await eventually('two are parked', async () => (await parked()) === 2);
      expect(await steppers.steps()).to.have.members(['a 1', 'b 1', 'b 2', 'b 3']);
      const [subject] = await waiting();
      expect(subject).to.deep.include({ key: keyOf('a'), parked: 2, missing: { from: 2, to: 2 } });
      await publish('a', 2, 5);
      await handled(8);
      expect(await stepsOf('a')).to.deep.equal(upTo(5));
      await eventually('nothing is parked', async () => (await parked()) === 0);
    });

    it('counts the numbers of each source separately', async () => {
      await steppers.start(sequenced());
      await publish('a', 1, 2);
      await steppers.publish(
        'a',
        1,
        withBody((event) => ({ ...event, source: 'other' })),
      );
      await handled(3);
      expect((await stepsOf('a')).sort()).to.deep.equal([1, 1, 2]);
    });

    it('names the missing numbers in the dead letter, and holds the subject until they arrive', async () => {
      const dead = steppers.collectDead();
      await steppers.start(sequenced({ ordering: impatient }));
      const [, fourth] = await publish('a', 1, 4, 5);
      await held();
      await eventually('it is dead-lettered', () => dead.length === 1);
      expect(dead.map(codeOf)).to.deep.equal(['worker.sequence_gap']);
      expect(detailOf(dead[0] as Delivery)).to.contain('4 of a from test arrived without 2 to 3');
      await publish('b', 1);
      await handled(2);
      await publish('a', 3);
      await eventually('the third one waits', async () => (await parked()) === 3);
      await publish('a', 2);
      await handled(6);
      await replay(fourth as EventEnvelope);
      await publish('a', 6);
      await handled(7);
      expect(await stepsOf('a')).to.deep.equal(upTo(6));
      await eventually('nothing waits', async () => (await parked()) === 0 && (await waiting()).length === 0);
      expect(dead).to.have.length(1);
    });

    it('retries an event that fills a gap, and then continues', async () => {
      const handle = ({ n, attempt }: { n: number; attempt: number }) => {
        if (n === 2 && attempt === 1) throw new Error('not now');
      };
      await steppers.start(sequenced({ ordering: impatient, handle }));
      await publish('a', 1, 3);
      await held();
      await publish('a', 2);
      await handled(3);
      expect(await stepsOf('a')).to.deep.equal(upTo(3));
    });

    it('is held by an event that fills a gap and is dead-lettered, until that one is replayed', async () => {
      const handle = ({ n }: { n: number }) => {
        if (n === 2) throw new PermanentError('step.wrong', 'never');
      };
      await steppers.start(sequenced({ ordering: impatient, handle }));
      await publish('a', 1, 4);
      await held();
      const [second] = await publish('a', 2);
      await eventually('it is held', async () => (await waiting()).some(({ hold }) => hold?.code === 'step.wrong'));
      await replay(...edited(second as EventEnvelope, 2, { n: 20 }));
      await handled(2);
      await publish('a', 3);
      await handled(4);
      expect(await stepsOf('a')).to.deep.equal([1, 20, 3, 4]);
      await eventually('nothing waits', async () => (await parked()) === 0 && (await waiting()).length === 0);
    });

    it('continues without the missing numbers when the subject is released', async () => {
      await steppers.start(sequenced({ ordering: impatient }));
      await publish('a', 1, 4, 5);
      await held();
      await releaseSubject(steppers.store, 'stepper', keyOf('a'), Date.now());
      await publish('a', 6);
      await handled(4);
      expect(await stepsOf('a')).to.deep.equal([1, 4, 5, 6]);
      await publish('a', 2);
      await handled(5);
      expect(await stepsOf('a')).to.deep.equal([1, 4, 5, 6, 2]);
    });

    it('continues without the early event when it is skipped', async () => {
      await steppers.start(sequenced({ ordering: impatient }));
      await publish('a', 1, 4, 5);
      await held();
      await publish('a', 3);
      await eventually('the third one waits', async () => (await parked()) === 3);
      const skipped = await skipFirst(steppers.store, 'stepper', keyOf('a'), Date.now());
      expect(skipped?.sequence).to.equal(4);
      await handled(3);
      expect(await stepsOf('a')).to.deep.equal([1, 3, 5]);
    });

    it('continues after the dead letter of the early event if it does not hold subjects', async () => {
      const dead = steppers.collectDead();
      await steppers.start(sequenced({ ordering: { ...impatient, whenExhausted: 'continue' } }));
      const [, third] = await publish('a', 1, 3, 4);
      await handled(2);
      expect(await stepsOf('a')).to.deep.equal([1, 4]);
      expect(dead.map(codeOf)).to.deep.equal(['worker.sequence_gap']);
      await replay(third as EventEnvelope);
      await handled(3);
      expect(await stepsOf('a')).to.deep.equal([1, 4, 3]);
    });

    it('does not wait for an event that was dead-lettered if it does not hold subjects', async () => {
      const handle = ({ n }: { n: number }) => {
        if (n === 2) throw new PermanentError('step.wrong', 'never');
      };
      await steppers.start(sequenced({ ordering: { whenExhausted: 'continue' }, handle }));
      await publish('a', 3, 2, 1);
      await handled(2);
      expect(await stepsOf('a')).to.deep.equal([1, 3]);
    });

    it('gives an edited event the number of the one that it replaces', async () => {
      const handle = ({ n }: { n: number }) => {
        if (n === 2) throw new PermanentError('step.wrong', 'never');
      };
      await steppers.start(sequenced({ handle }));
      const [, second] = await publish('a', 1, 2, 3);
      await held();
      await replay(...edited(second as EventEnvelope, 2, { n: 20 }));
      await handled(3);
      expect(await stepsOf('a')).to.deep.equal([1, 20, 3]);
    });

    it('dead-letters an event without a number, and waits for none', async () => {
      const dead = steppers.collectDead();
      await steppers.start(sequenced());
      await steppers.publish(
        'a',
        1,
        withBody(({ sequence: _, ...event }) => event),
      );
      await publish('a', 1);
      await handled(1);
      await eventually('it is dead-lettered', () => dead.length === 1);
      expect(dead.map(codeOf)).to.deep.equal(['contract.no_sequence']);
    });

    it('lets no event of a foreign source wait or hold a subject', async () => {
      const dead = steppers.collectDead();
      const emitters = new Map([['step.taken', new Set(['test'])]]);
      await steppers.start(sequenced(), { emitters });
      await steppers.publish(
        'a',
        9,
        withBody((event) => ({ ...event, source: 'intruder' })),
      );
      await eventually('it is dead-lettered', () => dead.length === 1);
      expect(dead.map(codeOf)).to.deep.equal(['contract.foreign_source']);
      expect(await waiting()).to.deep.equal([]);
    });

    it('verifies the publisher of each event once', async () => {
      const verified: string[] = [];
      await steppers.start(sequenced(), { verify: (_source, { messageId = '' }) => verified.push(messageId) });
      const events = await publish('a', 1, 2);
      await handled(2);
      expect(verified).to.have.members(events.map(({ id }) => id));
    });

    it('begins a sequence with any number if it may', async () => {
      let failures = 0;
      const handle = ({ n }: { n: number }) => {
        if (n === 5 && (failures += 1) === 1) throw new Error('not now');
      };
      await steppers.start(sequenced({ ordering: { startsAt: 'any' }, handle }));
      await publish('a', 5, 7, 6);
      await handled(3);
      expect(await stepsOf('a')).to.deep.equal([5, 6, 7]);
    });

    it('is not started with messages that are parked in another order', async () => {
      const first = await steppers.start(stepper());
      await holdSubject(steppers.store, 'stepper', 'a', Date.now());
      await first.end();
      expect(await codeOfRejection(steppers.start(sequenced()))).to.equal('worker.order_changed');
      await releaseSubject(steppers.store, 'stepper', 'a', Date.now());
      const second = await steppers.start(sequenced());
      await publish('a', 2);
      await eventually('it is parked', async () => (await parked()) === 1);
      await second.end();
      expect(await codeOfRejection(steppers.start(stepper()))).to.equal('worker.order_changed');
    });

    const startConsuming = async (worker: Worker) => {
      const running = await steppers.start(worker);
      await eventually('it consumes', () => running.state().consuming);
      return running;
    };
    /** Waits as long as for replicas that end soon, in less time. */
    const hurried = { clock: { ...systemClock, elapsed: () => systemClock.elapsed() * 50 } };

    it('is not started while replicas with another order run', async () => {
      const first = await startConsuming(stepper());
      expect(await codeOfRejection(steppers.start(sequenced(), hurried))).to.equal('worker.order_changed');
      await first.end();
      await startConsuming(sequenced());
      await startConsuming(sequenced());
      expect(await codeOfRejection(steppers.start(stepper(), hurried))).to.equal('worker.order_changed');
    });

    it('is not started while replicas without an order run, and the other way round', async () => {
      const unordered = stepper({ ordering: 'none' });
      const first = await startConsuming(unordered);
      expect(await codeOfRejection(steppers.start(sequenced(), hurried))).to.equal('worker.order_changed');
      const ending = first.end();
      await startConsuming(sequenced());
      await ending;
      expect(await codeOfRejection(steppers.start(unordered, hurried))).to.equal('worker.order_changed');
    });

    it('begins each sequence again after a reset', async () => {
      const worker = sequenced();
      await steppers.start(worker);
      const [first, second] = await publish('a', 1, 2);
      await handled(2);
      const reset = async ({ sql }: { sql: Sql }) => void (await sql`DELETE FROM steps`);
      await resetWorker(steppers.store, { ...workerDefinitionOf(worker), reset }, 'run-1');
      for (const event of [second, first])
        await steppers.publish(
          'a',
          0,
          withBody(() => event ?? {}),
        );
      await handled(2);
      expect(await stepsOf('a')).to.deep.equal([1, 2]);
    });

    it('lets a partition wait without room, drops nothing, and continues when the predecessor arrives', async () => {
      const worker = await steppers.start(sequenced(), { parkingLimits: { all: 10, ofKey: 3 } });
      await publish('a', 5, 4, 7, 3, 2, 6);
      await eventually('the partition waits', () => worker.state().full.length > 0);
      expect(worker.state().full).to.deep.equal([keyOf('a')]);
      expect(await parked()).to.equal(3);
      expect(await steppers.steps()).to.deep.equal([]);
      await publish('a', 1);
      await handled(7);
      expect(await stepsOf('a')).to.deep.equal(upTo(7));
      expect(worker.state().full).to.deep.equal([]);
    });

    it('handles every event once and in order while replicas change, and events overtake each other and repeat', async () => {
      const subjects = ['a', 'b', 'c', 'd', 'e', 'f'];
      const count = 20;
      const fails = new Set(
        subjects.flatMap((subject) => upTo(count).map((n) => `${subject} ${n}`)).filter(() => random() < 0.1),
      );
      const handle = ({ subject, n, attempt }: { subject: string; n: number; attempt: number }) => {
        if (attempt === 1 && fails.has(`${subject} ${n}`)) throw new Error('not now');
      };
      const worker = sequenced({ handle });
      let replicas = await Promise.all([steppers.start(worker), steppers.start(worker)]);
      const late = (n: number) => n + random() * 5;
      const all = subjects.flatMap((subject) => upTo(count).map((n) => ({ subject, n, at: late(n) })));
      for (const [index, { subject, n }] of all.sort((one, other) => one.at - other.at).entries()) {
        const event = await steppers.publish(subject, n);
        if (random() < 0.1)
          await steppers.publish(
            subject,
            n,
            withBody(() => event),
          );
        if (index % 40 !== 39) continue;
        const [first, ...others] = replicas;
        replicas = [...others, await steppers.start(worker)];
        await first?.end();
      }
      await handled(subjects.length * count);
      for (const subject of subjects) expect(await stepsOf(subject), subject).to.deep.equal(upTo(count));
      await eventually('nothing is parked', async () => (await parked()) === 0);
    });
  });
}
