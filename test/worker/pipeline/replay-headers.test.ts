import { expect } from 'chai';
import { PermanentError } from 'flotilla';
import type { Fields } from '../../../src/broker/messages/amqp-fields.js';
import { eventProperties } from '../../../src/broker/messages/event-properties.js';
import { HEADERS } from '../../../src/broker/messages/headers.js';
import type { EventEnvelope } from '../../../src/events/envelope.js';
import { readReplayHeaders, writeReplayHeaders } from '../../../src/worker/pipeline/replay-headers.js';
import { shop } from '../../support/shop.js';
import { testFleet, type TestFleet } from '../../support/test-fleet.js';

interface Handled {
  n: number;
  key: string;
  replaying: boolean;
  sideEffects: boolean;
}

describe('a worker that receives replayed events', function () {
  this.timeout(60_000);
  let fleet: TestFleet | undefined;
  let handled: Handled[];
  let fail: ((n: number) => void) | undefined;

  beforeEach(() => {
    handled = [];
    fail = undefined;
  });
  afterEach(async () => {
    await fleet?.stop();
    fleet = undefined;
  });

  const define = (replay?: 'idempotent', call?: () => Promise<void>) =>
    shop.defineWorker({
      name: 'tally',
      emits: ['job.finished', 'job.failed'],
      retry: { delays: ['20ms'] },
      ...(replay && { replay }),
      on: {
        'job.begun': async (event, ctx) => {
          const { n } = event.data;
          handled.push({ n, key: ctx.key, replaying: ctx.replaying, sideEffects: ctx.sideEffects });
          fail?.(n);
          if (call !== undefined) await ctx.call('partner', call, { sideEffect: true });
          ctx.emit('job.finished', { n });
        },
      },
      onRetriesExhausted: (event, error, ctx) => ctx.emit('job.failed', { n: 0, reason: `${event.id} ${error.name}` }),
    });

  const replay = async ({ broker, names }: TestFleet, event: EventEnvelope, headers: Fields) => {
    const publisher = broker.createPublisher();
    await publisher.ready();
    const properties = eventProperties({ ...event, correlationId: event.correlationid, time: Date.parse(event.time) });
    await publisher.publish({
      exchange: '',
      routingKey: names.queue('tally'),
      body: Buffer.from(JSON.stringify(event)),
      properties: { ...properties, headers: { ...properties.headers, ...headers } },
    });
    await publisher.close();
  };
  const outcomes = (of: TestFleet) => of.seen.map(({ outcome }) => outcome);
  const once = { run: 'r1', again: false, sideEffects: false };

  it('sees the replay in its context, and side effects only where the operator allows them', async () => {
    fleet = await testFleet(define());
    const events = [1, 2, 3].map((n) => fleet?.event('job.begun', { n })).filter((e) => e !== undefined);
    const [live, past, third] = events;
    if (live === undefined || past === undefined || third === undefined) throw new Error('three events');
    await fleet.send(live);
    await replay(fleet, past, writeReplayHeaders(once));
    await replay(fleet, third, writeReplayHeaders({ ...once, sideEffects: true }));
    await fleet.until((seen) => seen.length === 3);
    expect(handled.sort((a, b) => a.n - b.n)).to.deep.equal([
      { n: 1, key: live.id, replaying: false, sideEffects: true },
      { n: 2, key: past.id, replaying: true, sideEffects: false },
      { n: 3, key: third.id, replaying: true, sideEffects: true },
    ]);
  });

  it('handles each event that it has not handled before, once', async () => {
    fleet = await testFleet(define());
    const event = fleet.event('job.begun', { n: 1 });
    await fleet.send(event);
    await fleet.until((seen) => seen.length === 1);
    await replay(fleet, event, writeReplayHeaders({ ...once, again: true })); // the worker is not declared idempotent
    const unseen = fleet.event('job.begun', { n: 2 });
    await replay(fleet, unseen, writeReplayHeaders(once));
    await replay(fleet, unseen, writeReplayHeaders({ ...once, run: 'r2' }));
    await fleet.send(unseen);
    await fleet.until((seen) => seen.length === 5);
    expect(outcomes(fleet).filter((outcome) => outcome === 'done')).to.have.length(2);
    expect(handled.map(({ n }) => n)).to.deep.equal([1, 2]);
  });

  it('if declared idempotent, handles an event again once per replay and emits only duplicates', async () => {
    fleet = await testFleet(define('idempotent'));
    const event = fleet.event('job.begun', { n: 1 });
    const again = writeReplayHeaders({ ...once, again: true });
    await fleet.send(event);
    await fleet.until((seen) => seen.length === 1);
    const emitted = await fleet.store.readAll(0);
    for (const headers of [again, again, writeReplayHeaders({ ...once, again: true, run: 'r2' }), again]) {
      await replay(fleet, event, headers);
    }
    await fleet.until((seen) => seen.length === 5);
    expect(handled).to.have.length(3);
    expect(outcomes(fleet).filter((outcome) => outcome === 'duplicate')).to.have.length(2);
    expect(await fleet.store.readAll(0)).to.deep.equal(emitted);
    expect(emitted.map(({ type }) => type)).to.deep.equal(['job.finished']);
  });

  it('keeps the replay headers on retries and dead letters', async () => {
    fleet = await testFleet(define('idempotent'));
    fail = (n) => {
      if (n === 1 && handled.length < 2) throw new Error('not yet');
      if (n === 2) throw new PermanentError('job.hopeless', 'never');
    };
    const [first, second] = [fleet.event('job.begun', { n: 1 }), fleet.event('job.begun', { n: 2 })];
    const headers = writeReplayHeaders({ run: 'r1', again: true, sideEffects: true });
    await replay(fleet, first, headers);
    await fleet.until((seen) => seen.length === 2);
    await replay(fleet, second, headers);
    const [dead] = await fleet.deadLetters(1);
    expect(handled.every(({ replaying, sideEffects }) => replaying && sideEffects)).to.equal(true);
    expect(outcomes(fleet)).to.deep.equal(['retried', 'done', 'dead']);
    expect(dead?.properties.headers).to.deep.include(headers);
    expect(await fleet.store.handled({ consumer: 'tally:replay:r1', source: 'test', id: first.id })).to.equal(true);
  });

  it('rejects calls with side effects unless the operator allows them, and commits nothing', async () => {
    let calls = 0;
    fleet = await testFleet(define('idempotent', () => Promise.resolve(void (calls += 1))));
    const [event, fresh] = [fleet.event('job.begun', { n: 1 }), fleet.event('job.begun', { n: 2 })];
    await fleet.send(event);
    await fleet.until((seen) => seen.length === 1);
    await replay(fleet, event, writeReplayHeaders({ ...once, again: true }));
    await replay(fleet, event, writeReplayHeaders({ run: 'r2', again: true, sideEffects: true }));
    await replay(fleet, fresh, writeReplayHeaders(once));
    const dead = await fleet.deadLetters(2);
    expect(dead.map(({ properties }) => properties.headers?.[HEADERS.errorCode])).to.deep.equal([
      'worker.side_effect_refused',
      'worker.side_effect_refused',
    ]);
    expect(calls).to.equal(2);
    expect(await fleet.store.handled({ consumer: 'tally', source: 'test', id: fresh.id })).to.equal(false);
    await replay(fleet, fresh, writeReplayHeaders({ ...once, run: 'r3', sideEffects: true }));
    await fleet.until((seen) => seen.length === 5);
    expect(calls).to.equal(3);
  });

  it('does not emit a failure for an event that was handled before and fails only in the replay', async () => {
    fleet = await testFleet(define('idempotent'));
    const [event, fresh] = [fleet.event('job.begun', { n: 1 }), fleet.event('job.begun', { n: 2 })];
    await fleet.send(event);
    await fleet.until((seen) => seen.length === 1);
    fail = () => {
      throw new Error('broken since');
    };
    const again = writeReplayHeaders({ ...once, again: true });
    await replay(fleet, event, again);
    await replay(fleet, fresh, again);
    await fleet.until((seen) => seen.filter(({ outcome }) => outcome === 'dead').length === 2);
    const failed = (await fleet.store.readAll(0)).filter(({ type }) => type === 'job.failed');
    expect(failed.map((each) => each.event.causationid)).to.deep.equal([fresh.id]);
  });

  it('reads malformed headers as a replay with fewer permissions, never with more', () => {
    expect(readReplayHeaders({})).to.equal(undefined);
    const again = { [HEADERS.again]: true };
    for (const odd of [7, '', 'a\u0000b', 'x'.repeat(65), { run: 'r1' }]) {
      const replayed = readReplayHeaders({ [HEADERS.replay]: odd, ...again });
      expect(replayed).to.deep.equal({ run: '', again: false, sideEffects: false });
    }
    expect(readReplayHeaders({ [HEADERS.replay]: 'r1', [HEADERS.sideEffects]: 'yes', ...again })).to.deep.equal({
      run: 'r1',
      again: true,
      sideEffects: false,
    });
  });
});
