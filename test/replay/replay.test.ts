import { fork } from 'node:child_process';
import { once } from 'node:events';
import { expect } from 'chai';
import { createRabbitBroker } from '../../src/broker/rabbitmq/broker.js';
import { HEADERS } from '../../src/broker/messages/headers.js';
import { migrateDeadLetters } from '../../src/dead-letters/storage/migrations.js';
import { collectDeadLetters } from '../../src/dead-letters/keeper/collect-dead-letters.js';
import { findDeadLetter, listDeadLetters } from '../../src/dead-letters/storage/queries.js';
import { replayDeadLetters } from '../../src/dead-letters/operations/replay-dead-letters.js';
import { hasCode } from '../../src/errors.js';
import type { ReplaySelection } from '../../src/replay/history/history.js';
import { dryRun } from '../../src/replay/dry-run.js';
import { findRun, listRuns } from '../../src/replay/runs/run-table.js';
import { resumeReplay, startReplay } from '../../src/replay/start-replay.js';
import { shop } from '../support/shop.js';
import { tcpProxy } from '../support/tcp-proxy.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { takeMessages } from '../dead-letters/support/dead-letter-fixture.js';
import { adder, bodyOf, DAY, eventOf, openBench, requestOf, sumOf, type Bench } from './support/history-fixture.js';
import { eventually } from '../support/eventually.js';

const { signal } = new AbortController();
const ready = async ({ broker, names }: Bench, worker: string) => (await broker.queueDepth(names.queue(worker)))?.ready;
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'resolved',
    (error: unknown) => (hasCode(error, 'replay.refused') ? 'replay.refused' : String(error)),
  );

describe('a replay of history', function () {
  this.timeout(90_000);
  let bench: Bench;
  beforeEach(async () => (bench = await openBench()));
  afterEach(() => bench.close());

  it('sends all past events, once and byte for byte, to a new worker only', async () => {
    const other = shop.defineWorker({ name: 'other', on: { '#': () => undefined } });
    await bench.declare(other);
    const past = range(1, 450).map((n) => eventOf(n % 3 === 0 ? 'job.finished' : 'job.begun', n));
    await bench.publish(...past);
    await bench.publishRaw(Buffer.from('rubbish'), 'job.begun');
    await bench.declare(adder());
    const run = await startReplay(bench.replayer(adder()), requestOf(), { signal });
    expect(run).to.deep.include({ state: 'done', from: 'log', who: 'ann' });
    expect(run.counts).to.deep.equal({
      sent: 300,
      byType: { 'job.begun': 300 },
      skippedCommands: 0,
      tooOld: 0,
      unreadable: 1,
    });
    const begun = past.filter(({ type }) => type === 'job.begun');
    const got = await takeMessages(bench.broker, bench.names.queue('adder'), 300);
    expect(got.map(({ body }) => body.toString())).to.deep.equal(begun.map((event) => bodyOf(event).toString()));
    for (const { properties, exchange } of got) {
      expect(exchange).to.equal('');
      expect(properties.headers[HEADERS.replay]).to.equal(run.id);
      expect(properties.headers).not.to.have.any.keys(HEADERS.again, HEADERS.sideEffects);
    }
    expect(got[0]?.properties).to.deep.include({ messageId: begun[0]?.id, type: 'job.begun', appId: 'shop' });
    expect(await ready(bench, 'adder')).to.equal(0);
    expect(await ready(bench, 'other')).to.equal(451);
    const log = await bench.replayer(adder()).history.end(signal);
    expect(log).to.equal('450'); // it contains no replayed event
  });

  it('selects by type, subject, correlation and time, alone or together', async () => {
    await bench.declare(adder());
    const now = Date.now();
    const events = [
      eventOf('job.begun', 1, { subject: 'job/a', correlationId: 'c1', time: now - 3 * 3_600_000 }),
      eventOf('job.begun', 2, { subject: 'job/b', correlationId: 'c1', time: now - 2 * 3_600_000 }),
      eventOf('job.failed', 3, { subject: 'job/a', correlationId: 'c2', time: now - 3_600_000 }),
      eventOf('job.finished', 4, { subject: 'job/a', correlationId: 'c1' }),
    ];
    await bench.publish(...events);
    const at = (hours: number) => new Date(now - hours * 3_600_000).toISOString();
    const chosen = async (selection: ReplaySelection) => {
      const { items, wouldSend } = await dryRun(bench.replayer(adder()), requestOf({ selection }), { signal });
      expect(items).to.have.length(wouldSend);
      return items.map(({ id }) => 1 + events.findIndex((event) => event.id === id)).join('');
    };
    expect(await chosen({})).to.equal('123');
    expect(await chosen({ types: ['job.failed'] })).to.equal('3');
    expect(await chosen({ types: ['*.begun', 'job.failed'] })).to.equal('123');
    expect(await chosen({ subject: 'job/a' })).to.equal('13');
    expect(await chosen({ correlationId: 'c1' })).to.equal('12');
    expect(await chosen({ since: at(2) })).to.equal('23');
    expect(await chosen({ until: at(2) })).to.equal('1');
    expect(await chosen({ since: at(2.5), until: at(0.5), correlationId: 'c1' })).to.equal('2');
    expect(await chosen({ since: at(-1) })).to.equal('');
    expect(await ready(bench, 'adder')).to.equal(3); // the live events
  });

  it('sends handled events, which the worker skips, and counts them in a dry run', async () => {
    const worker = await bench.deploy(adder());
    const handled = range(1, 10).map((n) => eventOf('job.begun', n));
    await bench.publish(...handled);
    await worker.until(() => worker.seen.length === 10);
    const replayer = bench.replayer(adder(), { workerStore: worker.store });
    expect(await dryRun(replayer, requestOf(), { signal })).to.deep.include({ wouldSend: 10, alreadyDone: 10 });
    const elsewhere = await dryRun(bench.replayer(adder()), requestOf(), { signal });
    expect(elsewhere).to.deep.include({ wouldSend: 10, alreadyDone: null });
    await startReplay(replayer, requestOf(), { signal });
    await worker.until(() => worker.seen.length === 20);
    expect(worker.seen.slice(10).every(({ outcome }) => outcome === 'duplicate')).to.equal(true);
    expect(await sumOf(worker.store)).to.deep.equal({ n: 55, times: 10 });
  });

  it('skips commands by default, and rejects events older than the inbox retention unless forced', async () => {
    const now = Date.now();
    await bench.publish(
      eventOf('job.requested', 1),
      eventOf('job.begun', 2, { time: now - 8 * DAY }),
      eventOf('job.begun', 3, { time: now - 6 * DAY }),
    );
    await bench.declare(adder({ replay: 'idempotent' }));
    const counts = async (request: Parameters<typeof requestOf>[0]) => {
      const run = await startReplay(bench.replayer(adder({ replay: 'idempotent' })), requestOf(request), { signal });
      const { sent, skippedCommands: commands, tooOld } = run.counts;
      return { sent, commands, tooOld };
    };
    expect(await counts({})).to.deep.equal({ sent: 1, commands: 1, tooOld: 1 });
    expect(await counts({ selection: { commands: true } })).to.deep.equal({ sent: 2, commands: 0, tooOld: 1 });
    expect(await counts({ force: true })).to.deep.equal({ sent: 2, commands: 1, tooOld: 0 });
    expect(await counts({ again: 'idempotent' })).to.deep.equal({ sent: 2, commands: 1, tooOld: 0 });
  });

  it('respects its limit and its rate', async () => {
    await bench.publish(...range(1, 60).map((n) => eventOf('job.begun', n)));
    await bench.declare(adder());
    const began = performance.now();
    const run = await startReplay(bench.replayer(adder()), requestOf({ limit: 25, rate: 50 }), { signal });
    expect(run).to.deep.include({ state: 'done' });
    expect(run.counts.sent).to.equal(25);
    expect(await ready(bench, 'adder')).to.equal(25);
    expect(performance.now() - began).to.be.greaterThan(450);
  });

  it('pauses while the queue of the worker is full, and fails when it does not drain', async () => {
    await bench.publish(...range(1, 100).map((n) => eventOf('job.begun', n)));
    await bench.declare(adder());
    const limits = { high: 30, low: 10, window: 20, patience: 500 };
    const holds: number[] = [];
    const onThrottle = ({ consumers }: { consumers: number }) => void holds.push(consumers);
    const starting = startReplay(bench.replayer(adder(), { limits }), requestOf(), { signal, onThrottle });
    const failure: unknown = await starting.catch((error: unknown) => error);
    expect(holds).to.deep.equal([0]);
    expect(failure).to.deep.include({ code: 'replay.held_up' });
    expect(await ready(bench, 'adder')).to.be.within(31, 50);
    const worker = await bench.deploy(adder());
    const [run] = (await listRuns(bench.ops, { now: Date.now(), timeout: 1000 })).items;
    if (run === undefined) throw new Error('no run');
    const resumed = await resumeReplay(bench.replayer(adder(), { limits }), run, { signal });
    expect(resumed.counts.sent).to.equal(100);
    await worker.until(() => worker.seen.length === 100);
    expect(worker.seen.every(({ outcome }) => outcome === 'done')).to.equal(true);
  });

  it('can be interrupted and resumed without duplicates', async () => {
    await bench.publish(...range(1, 90).map((n) => eventOf('job.begun', n)));
    await bench.declare(adder());
    const stop = new AbortController();
    const limits = { window: 10 };
    const request = requestOf({ rate: 200 });
    const stopping = startReplay(bench.replayer(adder(), { limits }), request, { signal: stop.signal });
    const some = await takeMessages(bench.broker, bench.names.queue('adder'), 20);
    stop.abort();
    const interrupted = await stopping;
    expect(interrupted.state).to.equal('interrupted');
    expect(interrupted.counts.sent).to.be.within(20, 80);
    await bench.publish(eventOf('job.begun', 91)); // after the end of the replay: delivered only as a live event
    const resumed = await resumeReplay(bench.replayer(adder(), { limits }), interrupted, { signal });
    expect(resumed).to.include({ state: 'done', id: interrupted.id });
    expect(resumed.counts.sent).to.equal(90);
    const rest = await takeMessages(bench.broker, bench.names.queue('adder'), 71);
    const ids = [...some, ...rest].map(({ properties }) => properties.messageId);
    expect(new Set(ids).size).to.equal(91);
    expect(await ready(bench, 'adder')).to.equal(0);
    expect(await codeOf(resumeReplay(bench.replayer(adder()), resumed, { signal }))).to.equal('replay.refused');
  });

  it('resumes after a kill -9 between confirm and mark; duplicates count once', async () => {
    await bench.publish(...range(1, 50).map((n) => eventOf('job.begun', n)));
    await bench.declare(adder());
    const child = fork(new URL('./fixtures/replay-process.ts', import.meta.url), [
      'replay.confirmed:3',
      bench.opsPath,
      bench.prefix,
      bench.amqpUrl,
    ]);
    const [, killed] = (await once(child, 'exit')) as [number | null, string | null];
    expect(killed).to.equal('SIGKILL');
    const [found] = (await listRuns(bench.ops, { now: Date.now(), timeout: 1000 })).items;
    if (found === undefined) throw new Error('no run');
    const twice = ((await ready(bench, 'adder')) ?? 0) - found.counts.sent;
    expect(twice).to.be.within(1, 10);
    const worker = await bench.deploy(adder());
    const run = await resumeReplay(bench.replayer(adder()), found, { signal });
    expect(run).to.include({ state: 'done', id: found.id });
    await worker.until(() => worker.seen.length === 50 + twice);
    expect(worker.seen.filter(({ outcome }) => outcome === 'duplicate')).to.have.length(twice);
    expect(await sumOf(worker.store)).to.deep.equal({ n: 1275, times: 50 });
  });

  it('sends everything over a connection that drops repeatedly', async () => {
    await bench.publish(...range(1, 400).map((n) => eventOf('job.begun', n)));
    const worker = await bench.deploy(adder());
    const proxy = await tcpProxy(bench.amqpUrl);
    const logger = silentLogger();
    const broker = createRabbitBroker({ url: proxy.through(bench.amqpUrl), connectionName: 'cut', logger });
    try {
      const replayer = { ...bench.replayer(adder(), { limits: { window: 20 } }), broker };
      const running = startReplay(replayer, requestOf({ rate: 800 }), { signal });
      for (const until of [60, 160, 260]) {
        await worker.until(() => worker.seen.length >= until);
        proxy.cut();
      }
      expect((await running).counts.sent).to.equal(400);
      await worker.until(() => worker.seen.filter(({ outcome }) => outcome === 'done').length === 400);
      expect(await sumOf(worker.store)).to.deep.equal({ n: 80_200, times: 400 });
    } finally {
      await broker.close();
      await proxy.close();
    }
  });

  it('keeps its headers on messages that fail, are dead-lettered, and are replayed as dead letters', async () => {
    let replaying: (boolean | undefined)[] = [];
    const worker = shop.defineWorker({
      name: 'adder',
      retry: { delays: ['10ms'] },
      on: {
        'job.begun': (_event, ctx) => {
          replaying.push(ctx.replaying, ctx.sideEffects);
          throw new Error('never');
        },
      },
    });
    await bench.publish(eventOf('job.begun', 1));
    const { seen, until } = await bench.deploy(worker);
    const run = await startReplay(bench.replayer(worker), requestOf(), { signal });
    await until(() => seen.some(({ outcome }) => outcome === 'dead'));
    expect(replaying).to.deep.equal([true, false, true, false]);
    replaying = [];
    const { broker, names, ops: store } = bench;
    const { definitions } = shop;
    const logger = silentLogger();
    await migrateDeadLetters(store);
    await eventually(async () =>
      (await collectDeadLetters({ store, broker, names, definitions, workers: ['adder'], logger, signal })) === 1
        ? true
        : undefined,
    );
    const [letter] = (await listDeadLetters(store)).items;
    expect((await findDeadLetter(store, letter?.id ?? '')).properties.headers).to.include({ [HEADERS.replay]: run.id });
    const replayer = { store, broker, names, workers: ['adder'], definitions, now: Date.now };
    await replayDeadLetters(replayer, { selection: { filter: {} }, who: 'ann', signal });
    await until(() => seen.filter(({ outcome }) => outcome === 'dead').length === 2);
    expect(replaying).to.deep.equal([true, false, true, false]);
  });

  it('runs one at a time per worker, and is found by a prefix of its id', async () => {
    await bench.publish(...range(1, 20).map((n) => eventOf('job.begun', n)));
    await bench.declare(adder());
    const stop = new AbortController();
    let id = '';
    const begun = new Promise<void>((resolve) => {
      void (async () => {
        const options = { signal: stop.signal, onStart: (started: string) => void ((id = started), resolve()) };
        await startReplay(bench.replayer(adder()), requestOf({ rate: 2 }), options);
      })();
    });
    await begun;
    expect(await codeOf(startReplay(bench.replayer(adder()), requestOf(), { signal }))).to.equal('replay.refused');
    const running = await findRun(bench.ops, id.slice(0, 20), { now: Date.now(), timeout: 1000 });
    expect(running).to.include({ id, state: 'running' });
    expect(await codeOf(resumeReplay(bench.replayer(adder()), running, { signal }))).to.equal('replay.refused');
    stop.abort();
    const hold = { now: Date.now(), timeout: 1000 };
    await eventually('the replay ends', async () => (await findRun(bench.ops, id, hold)).state !== 'running');
    const run = await startReplay(bench.replayer(adder()), requestOf(), { signal });
    expect(run.state).to.equal('done');
  });

  it('does not resume on a stream other than the one it started with', async () => {
    await bench.publish(...range(1, 20).map((n) => eventOf('job.begun', n)));
    await bench.declare(adder());
    const stop = new AbortController();
    const limits = { window: 5 };
    const running = startReplay(bench.replayer(adder(), { limits }), requestOf({ rate: 20 }), { signal: stop.signal });
    await takeMessages(bench.broker, bench.names.queue('adder'), 5);
    stop.abort();
    const interrupted = await running;
    expect(interrupted.state).to.equal('interrupted');
    const moved = { ...interrupted, mark: 'another' };
    expect(await codeOf(resumeReplay(bench.replayer(adder()), moved, { signal }))).to.equal('replay.refused');
    expect((await resumeReplay(bench.replayer(adder()), interrupted, { signal })).state).to.equal('done');
  });
});
