import { expect } from 'chai';
import { PermanentError } from 'flotilla';
import { HEADERS, readAttempts } from '../../../src/broker/messages/headers.js';
import { failureOf } from '../../../src/worker/pipeline/failure.js';
import { shop, tallyMigrations } from '../../support/shop.js';
import { testFleet, type TestFleet } from '../../support/test-fleet.js';
import { eventually } from '../../support/eventually.js';

type JobHandler = (data: { n: number }, attempt: number, finish: (n: number) => void) => void;

describe('a worker on RabbitMQ', function () {
  this.timeout(60_000);
  let fleet: TestFleet | undefined;

  afterEach(async () => {
    await fleet?.stop();
    fleet = undefined;
  });

  const define = (handle: JobHandler, delays = ['20ms', '40ms']) =>
    shop.defineWorker({
      name: 'tally',
      emits: ['job.finished'],
      retry: { delays },
      on: { 'job.requested': (event, ctx) => handle(event.data, ctx.attempt, (n) => ctx.emit('job.finished', { n })) },
    });

  it('handles and commits an event once when it is delivered twice, concurrently or in sequence', async () => {
    let handlings = 0;
    const worker = shop.defineWorker({
      name: 'tally',
      emits: ['job.finished'],
      migrations: tallyMigrations,
      on: {
        'job.requested': ({ data: { n } }, ctx) => {
          handlings += 1;
          ctx.write(async (tx) => void (await tx.sql`insert into tally values (${n}, ${ctx.attempt})`));
          ctx.emit('job.finished', { n });
        },
      },
    });
    fleet = await testFleet(worker);
    const events = Array.from({ length: 50 }, (_, n) => fleet?.event('job.requested', { n })).filter(
      (e) => e !== undefined,
    );
    await fleet.send(...events, ...events);
    await fleet.until((seen) => seen.length === 100);
    await fleet.send(...events);
    await fleet.until((seen) => seen.length === 150);
    expect(handlings).to.equal(50);
    expect(fleet.seen.filter(({ outcome }) => outcome === 'done')).to.have.length(50);
    expect(fleet.seen.filter(({ outcome }) => outcome === 'duplicate')).to.have.length(100);
    expect(await fleet.store.query`select count(*) as n from tally`).to.deep.equal([{ n: 50 }]);
    expect(await fleet.store.head()).to.equal(50);
  });

  it('acknowledges an event that it does not accept without a trace in its store', async () => {
    const handled: number[] = [];
    const worker = shop.defineWorker({
      name: 'tally',
      accepts: ({ data }) => (data as { n: number }).n % 2 === 0,
      on: { 'job.requested': ({ data: { n } }) => void handled.push(n) },
    });
    fleet = await testFleet(worker);
    const { event, store } = fleet;
    const events = [0, 1, 2, 3].map((n) => event('job.requested', { n }));
    await fleet.send(...events);
    await fleet.until((seen) => seen.length === 4);
    expect(handled).to.have.members([0, 2]);
    expect(fleet.seen.map(({ outcome }) => outcome).sort()).to.deep.equal(['done', 'done', 'ignored', 'ignored']);
    const inInbox = (n: number) => {
      const { source, id } = events[n] ?? { source: '', id: '' };
      return store.handled({ consumer: 'tally', source, id });
    };
    expect([await inInbox(0), await inInbox(1)]).to.deep.equal([true, false]);
  });

  it('retries after each delay, and lists every attempt in the dead letter', async () => {
    const worker = define((_data, attempt) => {
      throw new Error(`no luck ${attempt}`);
    });
    fleet = await testFleet(worker);
    await fleet.send(fleet.event('job.requested', { n: 1 }));
    await fleet.until((seen) => seen.some(({ outcome }) => outcome === 'dead'));
    expect(fleet.seen.map(({ outcome, attempt }) => [outcome, attempt])).to.deep.equal([
      ['retried', 1],
      ['retried', 2],
      ['dead', 3],
    ]);
    const [letter] = await fleet.deadLetters(1);
    const history = readAttempts(letter?.properties.headers ?? {});
    expect(history.map(({ message, delay }) => [message, delay])).to.deep.equal([
      ['no luck 1', 20],
      ['no luck 2', 40],
      ['no luck 3', null],
    ]);
    expect(letter?.properties.headers).to.include({
      [HEADERS.errorCode]: 'worker.handler_failed',
      [HEADERS.subject]: 'test/1',
    });
  });

  it('commits nothing of failed attempts, and commits the attempt that succeeds', async () => {
    const worker = shop.defineWorker({
      name: 'tally',
      emits: ['job.finished'],
      migrations: tallyMigrations,
      retry: { delays: ['20ms', '20ms'] },
      on: {
        'job.requested': ({ data: { n } }, ctx) => {
          ctx.emit('job.finished', { n });
          ctx.write(async (tx) => {
            await tx.sql`insert into tally values (${n}, ${ctx.attempt})`;
            if (ctx.attempt < 3) throw new Error('the write does not like it');
          });
        },
      },
    });
    fleet = await testFleet(worker);
    await fleet.send(fleet.event('job.requested', { n: 7 }));
    await fleet.until((seen) => seen.some(({ outcome }) => outcome === 'done'));
    expect(await fleet.store.query`select n, attempt from tally`).to.deep.equal([{ n: 7, attempt: 3 }]);
    expect(await fleet.store.head()).to.equal(1);
  });

  it('dead-letters permanent errors immediately, and calls `onRetriesExhausted` for all others', async () => {
    const worker = shop.defineWorker({
      name: 'tally',
      emits: ['job.failed'],
      retry: { delays: ['20ms'] },
      onRetriesExhausted: (event, error, ctx) =>
        ctx.emit('job.failed', { n: 0, reason: error.message }, { subject: event.subject }),
      on: {
        'job.requested': ({ data: { n } }) => {
          if (n === 1) throw new PermanentError('job.impossible', 'cannot be');
          throw new Error('not today');
        },
      },
    });
    fleet = await testFleet(worker);
    await fleet.send(fleet.event('job.requested', { n: 1 }, 'job/1'), fleet.event('job.requested', { n: 2 }, 'job/2'));
    await fleet.until((seen) => seen.filter(({ outcome }) => outcome === 'dead').length === 2);
    expect(fleet.seen.find(({ code }) => code === 'job.impossible')).to.include({ outcome: 'dead', attempt: 1 });
    const stored = await fleet.store.readAll(0);
    expect(stored.map(({ type, stream, event }) => [type, stream, event.data])).to.deep.equal([
      ['job.failed', 'job/2', { n: 0, reason: 'not today' }],
    ]);
  });

  it('dead-letters each kind of malformed message with its code, and handles the next message', async () => {
    const worker = define(() => undefined);
    fleet = await testFleet(worker);
    const good = fleet.event('job.requested', { n: 1 });
    const json = (changes: object) => Buffer.from(JSON.stringify({ ...good, ...changes }));
    await fleet.sendRaw(Buffer.from('rubbish'));
    await fleet.sendRaw(Buffer.alloc(0));
    await fleet.sendRaw(json({ specversion: undefined }));
    await fleet.sendRaw(json({ type: 'job.unheard_of' }));
    await fleet.sendRaw(json({ data: { n: 'one' } }));
    await fleet.sendRaw(Buffer.from('['.repeat(20_000)));
    await fleet.sendRaw(Buffer.alloc(5 * 1024 * 1024, 0x20));
    await fleet.sendRaw(json({}), { contentType: 'text/plain' });
    await fleet.sendRaw(json({ type: 'job.begun', dataschema: 'urn:flotilla:job.begun:1' }));
    await fleet.send(good);
    await fleet.until((seen) => seen.length === 10);
    const codes = fleet.seen.filter(({ outcome }) => outcome === 'dead').map(({ code }) => code);
    expect(codes.sort()).to.deep.equal([
      'contract.content_type',
      'contract.invalid_data',
      'contract.no_handler',
      'contract.not_an_event',
      'contract.not_json',
      'contract.not_json',
      'contract.not_json',
      'contract.too_large',
      'contract.unknown_type',
    ]);
    expect(fleet.seen.filter(({ outcome }) => outcome === 'done')).to.have.length(1);
    const letters = await fleet.deadLetters(9);
    expect(new Set(letters.map(({ properties }) => properties.headers[HEADERS.deadLetterId]))).to.have.property(
      'size',
      9,
    );
  });

  it('revokes the context of a handler at its timeout, and retries the message', async () => {
    const late: string[] = [];
    const worker = shop.defineWorker({
      name: 'tally',
      emits: ['job.finished'],
      timeout: '50ms',
      retry: { delays: ['20ms'] },
      on: {
        'job.requested': async ({ data: { n } }, ctx) => {
          if (ctx.attempt > 1) return ctx.emit('job.finished', { n });
          await new Promise((resolve) => ctx.signal.addEventListener('abort', resolve));
          try {
            ctx.emit('job.finished', { n: -1 });
          } catch (error) {
            late.push(failureOf(error).code);
          }
        },
      },
    });
    fleet = await testFleet(worker);
    await fleet.send(fleet.event('job.requested', { n: 3 }));
    await fleet.until((seen) => seen.some(({ outcome }) => outcome === 'done'));
    expect(late).to.deep.equal(['worker.revoked']);
    expect(fleet.seen[0]).to.include({ outcome: 'retried', code: 'worker.timeout' });
    expect((await fleet.store.readAll(0)).map(({ event }) => event.data)).to.deep.equal([{ n: 3 }]);
  });

  it('on stop, finishes messages in flight and requeues the others', async () => {
    let release = () => {};
    const gate = new Promise<void>((resolve) => (release = resolve));
    const started: number[] = [];
    let full = () => {};
    const two = new Promise<void>((resolve) => (full = resolve));
    const worker = shop.defineWorker({
      name: 'tally',
      emits: ['job.finished'],
      prefetch: 2,
      on: {
        'job.requested': async ({ data: { n } }, ctx) => {
          if (started.push(n) === 2) full();
          await gate;
          ctx.emit('job.finished', { n });
        },
      },
    });
    fleet = await testFleet(worker);
    await fleet.send(...[1, 2, 3, 4, 5].map((n) => shopEvent(fleet, n)));
    await two;
    const stopped = fleet.running.stop(10_000);
    release();
    await stopped;
    expect(await fleet.store.head()).to.equal(2);
    // a quorum queue releases the messages of a closed channel with a delay
    const { broker, names } = fleet;
    const depth = () => broker.queueDepth(names.queue('tally'));
    await eventually(async () => (await depth())?.consumers === 0);
    expect(await depth()).to.include({ ready: 3 });
  });

  it('requeues messages that the store does not accept, and pauses with the reason `error`', async () => {
    const worker = define(({ n }, _attempt, finish) => finish(n));
    fleet = await testFleet(worker);
    await fleet.store.close();
    await fleet.send(fleet.event('job.requested', { n: 1 }));
    await fleet.until((seen) => seen.length > 0);
    expect(fleet.seen[0]).to.include({ outcome: 'returned' });
    expect(fleet.running.state().pauses).to.include('error');
  });
});

function shopEvent(fleet: TestFleet | undefined, n: number) {
  if (fleet === undefined) throw new Error('no fleet');
  return fleet.event('job.requested', { n });
}
