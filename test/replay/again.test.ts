import { expect } from 'chai';
import { collectDeadLetters } from '../../src/dead-letters/keeper/collect-dead-letters.js';
import { hasCode, messageOf, PermanentError } from '../../src/errors.js';
import { checkRequest } from '../../src/replay/check-request.js';
import { generator } from '../../src/testing/simulation/seeded.js';
import type { ReplayContext } from '../../src/replay/replay-context.js';
import type { ReplayRequest } from '../../src/replay/runs/replay-run.js';
import { resumeReplay, startReplay } from '../../src/replay/start-replay.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { shop } from '../support/shop.js';
import { adder, eventOf, openBench, requestOf, sumOf, type Bench } from './support/history-fixture.js';
import { eventually } from '../support/eventually.js';
import { seed } from '../support/seed.js';

const { signal } = new AbortController();
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);
const reset = requestOf({ again: 'reset', selection: { commands: true } });

describe('a replay that handles events again', function () {
  this.timeout(90_000);
  let bench: Bench;
  beforeEach(async () => (bench = await openBench()));
  afterEach(() => bench.close());

  const refusal = async (replayer: ReplayContext, request: Partial<ReplayRequest> = {}) => {
    const failure: unknown = await checkRequest(replayer, requestOf(request)).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (failure === undefined) return '';
    expect(hasCode(failure, 'replay.refused')).to.equal(true);
    return messageOf(failure);
  };

  it('handles each event once, also after an interruption', async () => {
    const handled: number[] = [];
    const worker = shop.defineWorker({
      name: 'adder',
      emits: ['job.finished'],
      replay: 'idempotent',
      on: {
        'job.begun': ({ data: { n } }, ctx) => {
          if (ctx.replaying) handled.push(n);
          ctx.emit('job.finished', { n });
        },
      },
    });
    const deployed = await bench.deploy(worker);
    await bench.publish(...range(1, 40).map((n) => eventOf('job.begun', n)));
    await deployed.until(() => deployed.seen.length === 40);
    const emitted = await deployed.store.readAll(0);
    const stop = new AbortController();
    const replayer = bench.replayer(worker, { limits: { window: 5 } });
    const request = requestOf({ again: 'idempotent' });
    const first = startReplay(replayer, { ...request, rate: 50 }, { signal: stop.signal });
    await deployed.until(() => deployed.seen.length >= 45);
    stop.abort();
    const interrupted = await first;
    const behind = { ...interrupted, place: null, mark: null }; // as if its position had never been stored
    const run = await resumeReplay(replayer, behind, { signal });
    const sent = () => deployed.seen.filter(({ replayed }) => replayed).length;
    await deployed.until(() => sent() === run.counts.sent);
    expect(run.counts.sent).to.equal(40 + interrupted.counts.sent);
    expect(handled.sort((a, b) => a - b)).to.deep.equal(range(1, 40));
    await startReplay(replayer, request, { signal });
    await deployed.until(() => sent() === run.counts.sent + 40);
    expect(handled).to.have.length(80);
    expect(await deployed.store.readAll(0)).to.deep.equal(emitted);
  });

  for (const round of range(1, 3)) {
    it(`handles each event once after a reset while live events arrive (TEST_SEED=${seed}, round ${round})`, async () => {
      const random = generator(seed + round);
      const below = (limit: number) => Math.floor(random() * limit);
      const worker = adder({ reset: true });
      const { store, seen, until } = await bench.deploy(worker);
      const events = range(1, 150 + below(150)).map((n) => eventOf('job.begun', n));
      const past = below(events.length);
      await bench.publish(...events.slice(0, past));
      if (random() < 0.5) await until(() => seen.length >= past);

      const live = (async () => {
        for (let at = past; at < events.length;) {
          const burst = events.slice(at, at + 1 + below(20));
          at += burst.length;
          await bench.publish(...burst);
          const target = seen.length + below(30);
          await Promise.race([until(() => seen.length >= target), new Promise(setImmediate)]);
        }
      })();
      for (let turns = below(200); turns > 0; turns -= 1) await new Promise(setImmediate);
      const limits = { window: 1 + below(50), settle: below(300) };
      const replayer = bench.replayer(worker, { workerStore: store, limits });
      const stop = new AbortController();
      const first = startReplay(replayer, { ...reset, ...(random() < 0.7 && { rate: 300 }) }, { signal: stop.signal });
      const interruptAfter = below(200);
      void until(() => seen.filter(({ replayed }) => replayed).length >= interruptAfter).then(() => stop.abort());
      let run = await first;
      if (run.state === 'interrupted') run = await resumeReplay(replayer, run, { signal });
      await live;
      expect(run.state).to.equal('done');
      await until(() => seen.length >= events.length + run.counts.sent);
      const expected = { n: events.reduce((sum, _, index) => sum + index + 1, 0), times: events.length };
      expect(await sumOf(store)).to.deep.equal(expected);
      expect(await store.head()).to.equal(events.length); // events emitted again are duplicates
    });
  }

  it('resets the worker once, however often it is interrupted, and leaves no earlier state', async () => {
    const worker = adder({ reset: true });
    const { store, seen, until } = await bench.deploy(worker);
    await bench.publish(...range(1, 30).map((n) => eventOf('job.begun', n)));
    await until(() => seen.length === 30);
    await store.transaction(async ({ sql }) => void (await sql`update sums set n = 1000000`)); // a bug of the past
    const stop = new AbortController();
    const replayer = bench.replayer(worker, { workerStore: store, limits: { window: 5 } });
    const first = startReplay(replayer, { ...reset, rate: 30 }, { signal: stop.signal });
    await until(() => seen.length >= 35);
    stop.abort();
    const interrupted = await first;
    const { times } = await sumOf(store);
    expect(times).to.be.within(1, 29);
    expect(interrupted.resetAt).to.be.a('string');
    // as if the process had died before it could record the reset
    const run = await resumeReplay(replayer, { ...interrupted, resetAt: null }, { signal });
    await until(() => seen.length === 30 + run.counts.sent);
    expect(await sumOf(store)).to.deep.equal({ n: 465, times: 30 });
    expect(seen.filter(({ outcome }) => outcome === 'done')).to.have.length(60);
  });

  it('is rejected with a remedy where the worker is not declared idempotent, or its store is not accessible', async () => {
    const projecting = shop.defineWorker({
      name: 'model',
      from: 'log',
      on: { 'job.begun': () => undefined },
    });
    await bench.declare(adder());
    await bench.declare(projecting);
    expect(await refusal(bench.replayer(adder()))).to.equal('');
    expect(await refusal(bench.replayer(projecting))).to.equal(''); // a log worker with a queue
    expect(await refusal(bench.replayer(adder()), { again: 'idempotent' })).to.contain("declare replay: 'idempotent'");
    expect(await refusal(bench.replayer(adder()), { selection: { types: ['x.y'] } })).to.contain('only job.');
    const absent = shop.defineWorker({ name: 'absent', on: { 'job.begun': () => undefined } });
    expect(await refusal(bench.replayer(absent))).to.contain('topology apply');
    const count = shop.defineProjection({
      name: 'count',
      version: 1,
      tables: { counted: 'create table counted (n integer primary key)' },
      on: { 'job.begun': () => Promise.resolve() },
    });
    const models = shop.defineWorker({ name: 'models', projections: [count] });
    expect(await refusal(bench.replayer(models)))
      .to.contain('no queue')
      .and.contain('flotilla projections rebuild');
    expect(await refusal(bench.replayer(adder({ reset: true })), reset)).to.contain('not on this machine');
  });

  it('is rejected where the reset worker would be incomplete, unless forced', async () => {
    const worker = adder({ reset: true });
    const { store } = await bench.deploy(worker);
    const replayer = bench.replayer(worker, { workerStore: store });
    expect(await refusal(replayer, { ...reset, limit: 5 })).to.contain('--force');
    expect(await refusal(replayer, { ...reset, selection: { subject: 'job/1' } })).to.contain('only a part');
    expect(await refusal(replayer, { again: 'reset' }))
      .to.contain('job.requested')
      .and.contain('--commands');
    expect(await refusal(replayer, reset)).to.contain('the log delivered no entry');
    const trimmed = { ...replayer, history: { ...replayer.history, incomplete: async () => 'it begins later' } };
    expect(await refusal(trimmed, reset))
      .to.contain('it begins later')
      .and.contain('--from journal');
    expect(await refusal(trimmed, { ...reset, force: true })).to.equal('');
    await bench.publish(eventOf('job.begun', 1));
    expect(await refusal(replayer, reset)).to.equal('');
  });

  it('warns of queued and stored dead letters', async () => {
    const worker = shop.defineWorker({
      name: 'adder',
      on: {
        'job.begun': () => {
          throw new PermanentError('job.bad', 'never');
        },
      },
    });
    const { seen, until } = await bench.deploy(worker);
    await bench.publish(eventOf('job.begun', 1), eventOf('job.begun', 2));
    await until(() => seen.length === 2);
    const warnings = async (request = {}) => (await checkRequest(bench.replayer(worker), requestOf(request))).join();
    expect(await warnings())
      .to.contain('2 dead letters of adder')
      .and.contain('dead replay');
    const { ops: store, broker, names } = bench;
    const logger = silentLogger();
    const keep = { store, broker, names, definitions: shop.definitions, workers: ['adder'], logger, signal };
    let kept = 0;
    await eventually(async () => ((kept += await collectDeadLetters(keep)) === 2 ? true : undefined));
    expect(await bench.broker.queueDepth(names.dead('adder'))).to.deep.include({ ready: 0 });
    expect(await warnings()).to.contain('2 dead letters of adder');
    expect(await warnings({ sideEffects: true })).to.equal('');
  });

  it('warns of commands that a worker without a record of them executes again', async () => {
    await bench.declare(adder());
    await bench.publish(eventOf('job.begun', 1));
    const warnings = async (request = {}) => (await checkRequest(bench.replayer(adder()), requestOf(request))).join();
    expect(await warnings({ selection: { commands: true }, sideEffects: true }))
      .to.contain('job.requested')
      .and.contain('idempotency key');
    expect(await warnings({ selection: { commands: true } }))
      .to.contain('job.requested')
      .and.contain('worker.side_effect_refused')
      .and.not.contain('carried out');
    expect(await warnings({ selection: { commands: true, types: ['job.begun'] } })).to.equal('');
    expect(await warnings()).to.equal('');
  });

  it('warns of incomplete history, unless a time range is given', async () => {
    await bench.declare(adder());
    const replayer = bench.replayer(adder());
    const history = { ...replayer.history, incomplete: () => Promise.resolve('the log begins later') };
    const notes = (selection = {}) => checkRequest({ ...replayer, history }, requestOf({ selection }));
    expect((await notes()).join()).to.contain('the log begins later');
    expect(await notes({ since: new Date().toISOString() })).to.deep.equal([]);
  });

  it('warns of messages waiting for a retry, which it may overtake', async () => {
    const worker = shop.defineWorker({
      name: 'adder',
      retry: { delays: ['1h'] },
      on: {
        'job.begun': () => {
          throw new Error('not now');
        },
      },
    });
    const { seen, until } = await bench.deploy(worker);
    await bench.publish(eventOf('job.begun', 1));
    await until(() => seen.length === 1);
    const [warning] = await checkRequest(bench.replayer(worker), requestOf());
    expect(warning).to.contain('1 messages of adder wait for a retry');
    expect(await checkRequest(bench.replayer(worker), requestOf({ sideEffects: true }))).to.deep.equal([]);
  });
});
