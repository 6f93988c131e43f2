import { join } from 'node:path';
import { expect } from 'chai';
import type { Broker } from '../../../src/broker/broker.js';
import { hasCode } from '../../../src/errors.js';
import type { EventEnvelope } from '../../../src/events/envelope.js';
import { migrateJournal } from '../../../src/journal/migrations.js';
import { insertRecords } from '../../../src/journal/rows.js';
import { entryAt } from '../../../src/event-log/reading/log-bounds.js';
import {
  logCheckpoint,
  migrateLogCheckpoints,
  moveLogCheckpoint,
} from '../../../src/event-log/positions/checkpoint-table.js';
import { positionOf, type LogPosition } from '../../../src/event-log/positions/position.js';
import { journalHistory } from '../../../src/replay/history/journal-history.js';
import { dryRun } from '../../../src/replay/dry-run.js';
import { resumeReplay, startReplay } from '../../../src/replay/start-replay.js';
import type { Store } from '../../../src/store/store.js';
import { openSqliteStore } from '../../../src/store/sqlite/index.js';
import { takeMessages } from '../../dead-letters/support/dead-letter-fixture.js';
import { adder, bodyOf, DAY, eventOf, openBench, requestOf, type Bench } from '../support/history-fixture.js';
import { eventually } from '../../support/eventually.js';

const { signal } = new AbortController();
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

describe('a replay from the journal', function () {
  this.timeout(90_000);
  let bench: Bench;
  let journal: Store;

  beforeEach(async () => {
    bench = await openBench();
    journal = await openSqliteStore({ service: 'journal', path: join(bench.folder, 'journal.db') });
    await migrateJournal(journal);
    await migrateLogCheckpoints(journal);
    await bench.declare(adder());
  });
  afterEach(async () => {
    await journal.close();
    await bench.close();
  });

  const learn = async (...events: EventEnvelope[]) => {
    const records = events.map((event) => ({
      ...event,
      correlationId: event.correlationid,
      time: Date.parse(event.time),
      body: bodyOf(event).toString(),
      offset: null,
    }));
    await journal.transaction(async ({ sql }) => void (await insertRecords(sql, records)));
  };
  const caughtUp = async (offset: number) => {
    const entry = await entryAt(bench.broker, bench.names.log, offset);
    if (entry === undefined) throw new Error(`the log has nothing at ${offset}`);
    await goTo(positionOf(entry));
  };
  const goTo = async (place: LogPosition) => {
    const before = await logCheckpoint(journal.query, 'journal');
    await journal.transaction(async ({ sql }) => void (await moveLogCheckpoint(sql, 'journal', before, place)));
  };
  const codeOf = (work: Promise<unknown>) =>
    work.then(
      () => 'resolved',
      (error: unknown) => (hasCode(error, 'log.unreachable') ? 'log.unreachable' : String(error)),
    );
  const replayer = (patience = 30_000, broker: Pick<Broker, 'readStream' | 'queueDepth'> = bench.broker) => ({
    ...bench.replayer(adder(), { limits: { window: 10 } }),
    history: journalHistory({
      store: journal,
      worker: 'journal',
      broker,
      stream: bench.names.log,
      patience,
    }),
  });
  const now = Date.now();

  it('sends events that the log has trimmed, with the same selection, byte for byte and in order of time', async () => {
    const events = range(1, 30).map((n) => eventOf('job.begun', n, { time: now - n * 1000, subject: `job/${n % 2}` }));
    await learn(...events, eventOf('job.finished', 31), eventOf('job.requested', 32));
    const selection = { subject: 'job/1', until: new Date(now - 5000).toISOString() };
    const run = await startReplay(replayer(), requestOf({ selection }), { signal });
    expect(run).to.deep.include({ from: 'journal', state: 'done' });
    const expected = events.filter(({ subject, time }) => subject === 'job/1' && time < selection.until).reverse();
    const got = await takeMessages(bench.broker, bench.names.queue('adder'), expected.length);
    expect(got.map(({ body }) => body.toString())).to.deep.equal(expected.map((event) => bodyOf(event).toString()));
    const all = await dryRun(replayer(), requestOf(), { signal });
    expect(all).to.deep.include({ wouldSend: 30, skippedCommands: 1, byType: { 'job.begun': 30 } });
  });

  it('resumes from its position, and detects a recreated journal', async () => {
    await learn(...range(1, 50).map((n) => eventOf('job.begun', n, { time: now - DAY + n })));
    const stop = new AbortController();
    const running = startReplay(replayer(), requestOf({ rate: 100 }), { signal: stop.signal });
    const some = await takeMessages(bench.broker, bench.names.queue('adder'), 10);
    stop.abort();
    const interrupted = await running;
    expect(interrupted.state).to.equal('interrupted');
    const elsewhere = { ...interrupted, mark: 'another' };
    const failure: unknown = await resumeReplay(replayer(), elsewhere, { signal }).catch((error: unknown) => error);
    expect(hasCode(failure, 'replay.refused')).to.equal(true);
    await resumeReplay(replayer(), interrupted, { signal });
    const rest = await takeMessages(bench.broker, bench.names.queue('adder'), 40);
    const ids = new Set([...some, ...rest].map(({ properties }) => properties.messageId));
    expect(ids.size).to.equal(50);
  });

  it('waits until the journal has caught up with the log, and does not start otherwise', async () => {
    await bench.publish(eventOf('job.failed', 1), eventOf('job.begun', 2));
    const late: unknown = await startReplay(replayer(300), requestOf(), { signal }).catch((error: unknown) => error);
    expect(hasCode(late, 'log.unreachable')).to.equal(true);
    const running = startReplay(replayer(), requestOf(), { signal });
    await learn(eventOf('job.begun', 3));
    await caughtUp(1);
    expect((await running).counts.sent).to.equal(1);
  });

  it('does not start while the journal has not detected that the stream was recreated', async () => {
    await bench.publish(eventOf('job.begun', 1));
    await goTo({ offset: 5, mark: 'of the log before' });
    expect(await codeOf(replayer(300).history.end(signal))).to.equal('log.unreachable');
    await goTo({ offset: 0, mark: 'of the log before' });
    expect(await codeOf(replayer(300).history.end(signal))).to.equal('log.unreachable');
    await caughtUp(0);
    expect(await codeOf(replayer(300).history.end(signal))).to.equal('resolved');
  });

  it('does not treat an unresponsive log as empty', async () => {
    await bench.publish(eventOf('job.begun', 1));
    // RabbitMQ reports the length of a stream with a delay of some seconds
    await eventually(async () => (await bench.broker.queueDepth(bench.names.log))?.ready || undefined);
    const silent = { readStream: () => ({ reading: false, close: () => Promise.resolve() }) };
    const { history } = replayer(300, { ...silent, queueDepth: (queue) => bench.broker.queueDepth(queue) });
    expect(await codeOf(history.end(signal))).to.equal('log.unreachable');
  });

  it('waits until the journal has recovered lost entries from the stores', async () => {
    await learn(eventOf('job.begun', 1));
    await journal.transaction(
      async ({ sql }) =>
        void (await sql`INSERT INTO journal_gaps (number, kind, noticed_at) VALUES (1, 'gap', '2026-01-01T00:00:00.000Z')`),
    );
    expect(await codeOf(replayer(300).history.end(signal))).to.equal('log.unreachable');
    const running = startReplay(replayer(), requestOf(), { signal });
    await learn(eventOf('job.begun', 2, { time: now - DAY }));
    await journal.transaction(async ({ sql }) => void (await sql`UPDATE journal_gaps SET filled_at = '2026-01-02'`));
    expect((await running).counts.sent).to.equal(2);
  });

  it('sends only entries that the journal had at the start, whatever it adds meanwhile', async () => {
    const { history } = replayer();
    const early = eventOf('job.begun', 1, { time: now - DAY });
    const wrongClock = eventOf('job.begun', 2, { time: now + DAY });
    await learn(early, wrongClock);
    const end = (await history.end(signal)) ?? '';
    await learn(eventOf('job.begun', 3), eventOf('job.begun', 4, { time: now - 2 * DAY }));
    const range = { after: null, end, filter: { types: ['job.begun'] } };
    expect(await history.size(range)).to.equal(2);
    const ids: string[] = [];
    for await (const { entries } of history.read({ ...range, signal }))
      ids.push(...entries.map(({ event }) => event.id));
    expect(ids).to.deep.equal([early.id, wrongClock.id]);
  });

  it('reports missing history before a worker is reset', async () => {
    const { history } = replayer();
    expect(await history.incomplete()).to.equal(undefined);
    await journal.transaction(
      async ({ sql }) =>
        void (await sql`
          INSERT INTO journal_gaps (number, kind, noticed_at, filled_at, out_of_reach)
          VALUES (1, 'gap', '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:01.000Z', 'payment')`),
    );
    expect(await history.incomplete()).to.contain('payment');
  });
});
