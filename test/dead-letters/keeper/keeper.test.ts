import { expect } from 'chai';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { Fields } from '../../../src/broker/messages/amqp-fields.js';
import { HEADERS } from '../../../src/broker/messages/headers.js';
import { findDeadLetter, listDeadLetters } from '../../../src/dead-letters/storage/queries.js';
import { createKeeper } from '../../../src/dead-letters/keeper/keeper.js';
import { collectDeadLetters } from '../../../src/dead-letters/keeper/collect-dead-letters.js';
import { readDeadLetter } from '../../../src/dead-letters/keeper/read-dead-letter.js';
import { FlotillaError } from '../../../src/errors.js';
import type { Store } from '../../../src/store/store.js';
import {
  publishDeadLetters,
  definitions,
  deadLetterMessage,
  openFixture,
  type DeadLetterFixture,
} from '../support/dead-letter-fixture.js';
import { recordingLogger } from '../../support/recording-logger.js';
import { eventually } from '../../support/eventually.js';

for (const kind of ['memory', 'rabbitmq'] as const) {
  describe(`keeper of dead letters, ${kind}`, function () {
    this.timeout(90_000);
    let bench: DeadLetterFixture;
    beforeEach(async () => (bench = await openFixture(kind)));
    afterEach(() => bench.close());

    const pump = (limit = 5000) =>
      collectDeadLetters({
        ...bench,
        definitions,
        workers: bench.workerNames,
        limit,
        signal: new AbortController().signal,
      });

    it('stores every dead letter with its message byte for byte, and appends an event with the message’s subject', async () => {
      const letter = deadLetterMessage({ orderId: 'o7', code: 'worker.timeout', message: 'took too long' });
      const rubbish = deadLetterMessage({
        worker: 'shipping',
        body: Buffer.from([0xff, 0x00, 0x7b]),
        code: 'contract.not_json',
      });
      const stop = new AbortController();
      const running = createKeeper({ ...bench, definitions, workers: bench.workerNames }).run(stop.signal);
      await publishDeadLetters(bench, letter, rubbish);
      const items = await eventually(async () => {
        const list = await listDeadLetters(bench.store);
        return list.total === 2 ? list.items : undefined;
      });
      stop.abort();
      await running;

      const kept = items.find(({ worker }) => worker === 'payment');
      expect(kept).to.include({
        eventId: letter.event.id,
        type: 'payment.process',
        kind: 'command',
        subject: 'order/o7',
        correlationId: letter.event.correlationid,
        code: 'worker.timeout',
        message: 'took too long',
        state: 'dead',
        attemptCount: 2,
      });
      const whole = await findDeadLetter(bench.store, items.find(({ worker }) => worker === 'shipping')?.id ?? '');
      expect(Buffer.from(whole.body)).to.deep.equal(rubbish.body);
      expect(whole.properties.headers?.[HEADERS.routingKey]).to.equal('payment.process');

      const [announced] = await bench.store.read('order/o7');
      expect(announced?.event).to.deep.include({
        type: 'message.dead_lettered',
        source: 'ops',
        correlationid: letter.event.correlationid,
        causationid: letter.event.id,
      });
      expect(announced?.event.data).to.include({ deadLetterId: kept?.id, worker: 'payment', kind: 'command' });
    });

    it('stores a dead letter once, however often it is delivered', async () => {
      const letter = deadLetterMessage();
      await publishDeadLetters(bench, letter, letter, letter);
      expect(await pump()).to.equal(1);
      expect((await listDeadLetters(bench.store)).total).to.equal(1);
      expect(await bench.store.read('order/o1')).to.have.length(1);
      expect((await bench.broker.queueDepth(bench.names.dead('payment')))?.ready).to.equal(0);
    });

    it('leaves dead letters in the broker while the store does not accept them', async () => {
      const stop = new AbortController();
      const full: Store = Object.assign(Object.create(bench.store) as Store, {
        migrate: () => Promise.resolve(),
        transaction: () => {
          stop.abort();
          return Promise.reject(new FlotillaError('store.full'));
        },
      });
      await publishDeadLetters(bench, deadLetterMessage());
      await createKeeper({ ...bench, store: full, definitions, workers: bench.workerNames }).run(stop.signal);
      expect((await listDeadLetters(bench.store)).total).to.equal(0);
      expect(await pump()).to.equal(1);
    });

    it('retries dead letters that the store did not accept at first, and logs the begin and the end of that', async () => {
      const stop = new AbortController();
      let failures = 6;
      const { logger, lines } = recordingLogger();
      const moody: Store = Object.assign(Object.create(bench.store) as Store, {
        service: 'ops',
        migrate: () => Promise.resolve(),
        transaction: (work: Parameters<Store['transaction']>[0]) =>
          failures-- > 0 ? Promise.reject(new FlotillaError('store.busy')) : bench.store.transaction(work),
      });
      await publishDeadLetters(bench, deadLetterMessage(), deadLetterMessage(), deadLetterMessage());
      const workers = bench.workerNames;
      const keeper = createKeeper({ ...bench, store: moody, definitions, workers, logger, retryAfter: 1 });
      const running = keeper.run(stop.signal);
      await eventually(async () => ((await listDeadLetters(bench.store)).total === 3 ? true : undefined));
      stop.abort();
      await running;
      const faults = lines.filter(({ level }) => level === 'error');
      expect(faults.map(({ message }) => message)).to.deep.equal([
        'Dead letter not stored; retrying',
        'Dead letters are stored again',
      ]);
      expect((await bench.broker.queueDepth(bench.names.dead('payment')))?.ready).to.equal(0);
    });

    it('collects the dead letters in the queue, and ends', async () => {
      await publishDeadLetters(
        bench,
        ...Array.from({ length: 120 }, (_, n) => deadLetterMessage({ orderId: `o${n}` })),
      );
      expect(await pump(60_000)).to.equal(120);
      expect(await pump()).to.equal(0);
    });

    it('appends no event about a dead letter that is itself such an event', async () => {
      await publishDeadLetters(bench, deadLetterMessage({ type: 'message.dead_lettered', orderId: 'loop' }));
      expect(await pump()).to.equal(1);
      expect(await bench.store.head()).to.equal(0);
    });

    it('appends an event about a message whose type only shares the prefix', async () => {
      await publishDeadLetters(bench, deadLetterMessage({ type: 'message.send', orderId: 'mail' }));
      expect(await pump()).to.equal(1);
      expect((await bench.store.read('order/mail')).map(({ type }) => type)).to.deep.equal(['message.dead_lettered']);
    });
  });
}

describe('reading a dead letter', () => {
  const read = (headers: Fields, messageId?: string) =>
    readDeadLetter(
      { body: Buffer.from('{'), properties: { headers, ...(messageId !== undefined && { messageId }) } },
      'payment',
      definitions,
      Date.UTC(2026, 0, 1),
    );
  const death = (reason: string, seconds: number): Fields => ({
    'x-death': [{ reason, queue: 'payment', count: 1, time: { '!': 'timestamp', value: seconds } }],
  });

  it('derives a code and a stable id for a message that the broker dead-lettered', () => {
    const first = read(death('delivery_limit', 1_700_000_000), 'm1');
    expect(first).to.include({ code: 'broker.delivery_limit', deadAt: '2023-11-14T22:13:20.000Z', eventId: 'm1' });
    expect(read(death('delivery_limit', 1_700_000_000), 'm1').id).to.equal(first.id);
    expect(read(death('delivery_limit', 1_700_000_001), 'm1').id).not.to.equal(first.id);
    expect(read(death('delivery_limit', 1_700_000_000), 'm2').id).not.to.equal(first.id);
  });

  it('accepts any message of the queue', () => {
    const odd: Fields[] = [
      {},
      { 'x-death': 'rubbish' },
      { 'x-death': [{ reason: 'DROP TABLE', time: -5 }] },
      { [HEADERS.deadLetterId]: 'no uuid', [HEADERS.errorCode]: 'x' },
      { [HEADERS.deadLetterId]: 7, [HEADERS.deadAt]: 'yesterday' },
    ];
    for (const headers of odd)
      expect(read(headers)).to.include({ code: 'broker.unknown', worker: 'payment', type: null });
  });
});

describe('a keeper that is killed', function () {
  this.timeout(90_000);

  it('between commit and ack leaves one dead letter and one event', async () => {
    const bench = await openFixture('rabbitmq');
    try {
      await publishDeadLetters(bench, deadLetterMessage({ orderId: 'killed' }));
      const child = fork(new URL('../fixtures/keeper-process.ts', import.meta.url), [
        'keeper.kept',
        bench.path,
        bench.prefix,
        bench.amqpUrl,
      ]);
      const [, signal] = (await once(child, 'exit')) as [number | null, string | null];
      expect(signal).to.equal('SIGKILL');
      expect((await listDeadLetters(bench.store)).total).to.equal(1);

      const kept = await eventually(async () => {
        const depth = await bench.broker.queueDepth(bench.names.dead('payment'));
        return depth?.ready === 1 ? depth : undefined;
      });
      expect(kept.ready).to.equal(1);
      const pumped = await collectDeadLetters({
        ...bench,
        definitions,
        workers: bench.workerNames,
        signal: new AbortController().signal,
      });
      expect(pumped).to.equal(0);
      expect((await listDeadLetters(bench.store)).total).to.equal(1);
      expect(await bench.store.read('order/killed')).to.have.length(1);
    } finally {
      await bench.close();
    }
  });
});
