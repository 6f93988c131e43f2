import { mkdir, readdir, rm } from 'node:fs/promises';
import { expect } from 'chai';
import type { Broker } from '../../../../src/broker/broker.js';
import { eventProperties } from '../../../../src/broker/messages/event-properties.js';
import { topologyOf, type Names } from '../../../../src/broker/topology/topology.js';
import * as replay from '../../../../src/cli/commands/replay/index.js';
import type { EventEnvelope } from '../../../../src/events/envelope.js';
import { defineFleet } from '../../../../src/fleet/define-fleet.js';
import { defineJournal } from '../../../../src/journal/define-journal.js';
import { migrateJournal } from '../../../../src/journal/migrations.js';
import { insertRecords } from '../../../../src/journal/rows.js';
import { migrateLogCheckpoints, moveLogCheckpoint } from '../../../../src/event-log/positions/checkpoint-table.js';
import { queuesOfAll } from '../../../../src/worker/definition/queues.js';
import { takeMessages } from '../../../dead-letters/support/dead-letter-fixture.js';
import { adder, bodyOf, DAY, eventOf } from '../../../replay/support/history-fixture.js';
import { runCommand } from '../../../support/command.js';
import { shop } from '../../../support/shop.js';
import { openFleetPlace, type FleetPlace } from '../../../support/fleet-place.js';
import { workerDefinitionOf } from '../../../../src/worker/definition/worker-definition.js';

const plain = shop.defineWorker({ name: 'plain', on: { 'job.begun': () => undefined, 'job.failed': () => undefined } });
const journal = defineJournal({ name: 'journal' });
const fleet = defineFleet({ catalogue: shop, workers: [adder({ reset: true }), plain, journal] });
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

describe('flotilla replay', function () {
  this.timeout(90_000);
  let place: FleetPlace;
  let folder: string;
  let prefix: string;
  let env: NodeJS.ProcessEnv;
  let broker: Broker;
  let names: Names;

  beforeEach(async () => {
    place = await openFleetPlace();
    ({ folder, prefix, env, names } = place);
    broker = await place.connect();
    const log = { maxAge: '1h', maxBytes: 1_000_000 };
    await broker.applyTopology(topologyOf([], { prefix, log, unroutedMax: 100 }));
    await place.createStores('ops');
  });
  afterEach(async () => {
    await place.remove();
  });

  const run = (args: string[], stop?: AbortSignal) =>
    runCommand({ modules: [replay], fleet, env, cwd: folder, ...(stop && { stop }) }, ['replay', ...args]);
  const json = async (...args: string[]) => JSON.parse((await run([...args, '--json'])).out);
  const deploy = () =>
    broker.applyTopology(
      topologyOf(queuesOfAll(fleet.workers.map(workerDefinitionOf)), {
        prefix,
        log: { maxAge: '1h', maxBytes: 1_000_000 },
        unroutedMax: 100,
      }),
    );
  const publish = async (...events: EventEnvelope[]) => {
    const publisher = broker.createPublisher();
    await publisher.ready();
    for (const event of events) {
      await publisher.publish({
        exchange: names.events,
        routingKey: event.type,
        body: bodyOf(event),
        properties: eventProperties({ ...event, correlationId: event.correlationid, time: Date.parse(event.time) }),
      });
    }
    await publisher.close();
  };

  it('prints a dry run, replays, and lists past replays with their operator', async () => {
    await publish(...range(1, 4).map((n) => eventOf('job.begun', n)), eventOf('job.requested', 5));
    await deploy();
    const look = await run(['--to', 'adder', '--dry-run']);
    expect(look.code).to.equal(1);
    expect(look.said).to.contain('Not read: ');
    expect(look.out)
      .to.contain('Would send 4 to adder: job.begun 4.')
      .and.contain('is unknown: its store is on another machine')
      .and.contain('1 commands');
    expect((await broker.queueDepth(names.queue('adder')))?.ready).to.equal(0);
    expect(await json('--list')).to.deep.equal({ items: [], total: 0 });

    const sent = await run(['--to', 'adder', '--type', '*.begun', '--since', '1h']);
    expect(sent).to.include({ code: 0 });
    expect(sent.out).to.contain('Sent 4 to adder');
    const list = await json('--list');
    expect(list.total).to.equal(1);
    expect(list.items[0]).to.include({ worker: 'adder', from: 'log', state: 'done' });
    expect(list.items[0].who).to.be.a('string').and.not.equal('');
    expect((await run(['--list'])).out).to.match(/adder +log +done +4 /);
    expect(await takeMessages(broker, names.queue('adder'), 4)).to.have.length(4);

    const looked = await json('--to', 'adder', '--dry-run', '--commands', '--limit', '5');
    expect(looked).to.deep.include({ worker: 'adder', total: 5, wouldSend: 5, alreadyDone: null, skippedCommands: 0 });
    expect(looked).not.to.have.any.keys('sent', 'commands');
    expect(looked.items[4]).to.include({ type: 'job.requested', alreadyDone: null });
  });

  it('checks the inbox of a worker whose store is local, and fails when an event may not be replayed', async () => {
    const [done, fresh] = [eventOf('job.begun', 1), eventOf('job.begun', 2)];
    await publish(done, fresh, eventOf('job.begun', 3, { time: Date.now() - 8 * DAY }));
    await deploy();
    const store = await place.openStore('adder');
    await store.markHandled({ consumer: 'adder', source: 'shop', id: done.id });
    await store.close();
    const { code, out } = await run(['--to', 'adder', '--dry-run']);
    expect(code).to.equal(1);
    expect(out).to.contain('1 of them are already handled').and.contain('Refused 1 that are older');
    expect((await run(['--to', 'adder'])).code).to.equal(1);
    expect((await run(['--to', 'adder', '--force'])).code).to.equal(0);
  });

  it('lists unhandled events first in a dry run as JSON, and states how many events are omitted', async () => {
    const events = range(1, 120).map((n) => eventOf('job.begun', n));
    await publish(...events);
    await deploy();
    const store = await place.openStore('adder');
    for (const { id } of events.slice(0, 117)) await store.markHandled({ consumer: 'adder', source: 'shop', id });
    await store.close();
    const ids = (list: { id: string }[]) => list.map(({ id }) => id);
    const look = async (...options: string[]) => {
      const { items, ...counts } = await json('--to', 'adder', '--dry-run', ...options);
      expect(counts).to.deep.include({ total: 120, wouldSend: 120, alreadyDone: 117 });
      return { ids: ids(items), omitted: counts.omitted };
    };
    const unhandled = ids(events.slice(117));
    expect(await look()).to.deep.equal({ ids: [...ids(events.slice(0, 97)), ...unhandled], omitted: 20 });
    expect(await look('--items', '2')).to.deep.equal({ ids: unhandled.slice(0, 2), omitted: 118 });
    expect(await look('--items', '1000')).to.deep.equal({ ids: ids(events), omitted: 0 });
    for (const wrong of [
      ['--items', '5'],
      ['--dry-run', '--items', '5'],
      ['--dry-run', '--json', '--items', '100001'],
    ]) {
      expect(await run(['--to', 'adder', ...wrong]), wrong.join(' ')).to.include({ code: 2, out: '' });
    }
  });

  it('replays only the events in the store of their service with --verified', async () => {
    const store = await place.openStore('plain');
    const [genuine, changed, forged] = [1, 2, 3].map((n) => ({ ...eventOf('job.begun', n), source: 'plain' }));
    if (genuine === undefined || changed === undefined || forged === undefined) throw new Error('three events');
    await store.append('job/1', 'any', [genuine, changed]);
    const stored = (await store.readAll(0, 10)).map(({ body }) => JSON.parse(body) as EventEnvelope);
    await store.close();
    const [first, second] = stored;
    if (first === undefined || second === undefined) throw new Error('two events');
    await publish(first, { ...second, data: { n: 99 } }, forged, eventOf('job.begun', 4));
    await deploy();
    expect((await run(['--to', 'adder', '--dry-run'])).out).to.contain('Would send 4 to adder');
    const sent = await run(['--to', 'adder', '--verified']);
    expect(sent.out).to.contain('Sent 2 to adder');
    const bodies = (await takeMessages(broker, names.queue('adder'), 2)).map(
      ({ body }) => JSON.parse(String(body)).data.n,
    );
    expect(bodies).to.deep.equal([1, 4]);
  });

  it('stops at Ctrl-C, prints how to resume, and resumes', async () => {
    await publish(...range(1, 60).map((n) => eventOf('job.begun', n)));
    await deploy();
    const stop = new AbortController();
    const running = run(['--to', 'plain', '--rate', '40'], stop.signal);
    await takeMessages(broker, names.queue('plain'), 20);
    stop.abort(new Error('received SIGINT'));
    const stopped = await running;
    expect(stopped.code).to.equal(1);
    const [, id = ''] = /flotilla replay --resume (\S+)/.exec(stopped.said) ?? [];
    expect((await json('--list')).items[0]).to.include({ id, state: 'interrupted' });
    const resumed = await run(['--resume', id.slice(0, 30), '--rate', '1000']);
    expect(resumed.out).to.contain('Sent 60 to plain');
    expect(await takeMessages(broker, names.queue('plain'), 40)).to.have.length(40);
    expect((await run(['--resume', id])).code).to.equal(1);
  });

  it('reads the journal if it is on this machine, otherwise the log', async () => {
    await deploy();
    const [kept, gone] = [eventOf('job.begun', 1), eventOf('job.begun', 2, { time: Date.now() - DAY })];
    await publish(kept);
    await takeMessages(broker, names.queue('plain'), 1);
    const store = await place.openStore('journal');
    expect(await json('--to', 'plain', '--dry-run')).to.include({ from: 'log', total: 1 });
    await migrateJournal(store);
    await migrateLogCheckpoints(store);
    await store.transaction(async ({ sql }) => {
      const records = [kept, gone].map((event) => ({
        ...event,
        correlationId: event.correlationid,
        time: Date.parse(event.time),
        body: bodyOf(event).toString(),
        offset: null,
      }));
      await insertRecords(sql, records);
      await moveLogCheckpoint(sql, 'journal', undefined, { offset: 0, mark: kept.id });
    });
    await store.close();
    expect(await json('--to', 'plain', '--dry-run')).to.include({ from: 'journal', total: 2 });
    expect(await json('--to', 'plain', '--dry-run', '--from', 'log')).to.include({ from: 'log', total: 1 });
  });

  it('resets a worker that declares it, after confirmation, and replays its full history', async () => {
    await publish(...range(1, 3).map((n) => eventOf('job.begun', n)));
    await deploy();
    const store = await place.openStore('adder');
    await store.migrate('worker:adder', workerDefinitionOf(adder()).migrations);
    await store.transaction(async ({ sql }) => void (await sql`insert into sums (n, times) values (7, 1)`));
    const again = ['--to', 'adder', '--again', '--commands'];
    const unasked = await run(again);
    expect(unasked.code).to.equal(2);
    expect(unasked.said).to.contain('--yes');
    expect(await store.query`select n from sums`).to.have.length(1);
    const done = await run([...again, '--yes', '--side-effects']);
    expect(done.code).to.equal(0);
    expect(await store.query`select n from sums`).to.have.length(0);
    await store.close();
    const [first] = await takeMessages(broker, names.queue('adder'), 3);
    expect(first?.properties.headers).to.include({
      'flotilla-replay-again': true,
      'flotilla-replay-side-effects': true,
    });
  });

  it('never creates the store in which replays are recorded', async () => {
    await rm(folder, { recursive: true });
    await mkdir(folder);
    const { code, said } = await run(['--list']);
    expect(code).to.equal(1);
    expect(said).to.contain('store.missing');
    expect(await readdir(folder)).to.deep.equal([]);
  });

  it('exits with 2 on wrong usage and with 1 on a refusal, and prints a remedy', async () => {
    for (const [args, reason] of [
      [[], '--to'],
      [['--to', 'plain', '--list'], '--resume'],
      [['--to', 'plain', '--since', '1h', '--until', '2h'], '--since'],
      [['--to', 'plain', '--since', 'once'], ''],
      [['--to', 'plain', '--from', 'memory'], ''],
      [['--to', 'plain', '--rate', '0'], ''],
      [['--resume', 'abc', '--type', 'job.begun'], 'type requires --to'],
    ] as const) {
      const { code, said } = await run([...args]);
      expect(code, args.join(' ')).to.equal(2);
      expect(said, args.join(' ')).to.contain(reason);
    }
    const absent = await run(['--to', 'plain']);
    expect(absent.code).to.equal(1);
    expect(absent.said).to.contain('topology apply');
    await deploy();
    for (const [args, reason] of [
      [['--to', 'plain', '--again', '--yes'], "replay: 'reset'"],
      [['--to', 'journal'], 'no queue'],
      [['--to', 'adder', '--again', '--yes'], 'not on this machine'],
      [['--resume', 'abc'], 'No such replay'],
    ] as const) {
      const { code, said } = await run([...args]);
      expect(code, args.join(' ')).to.equal(1);
      expect(said, args.join(' ')).to.contain(reason);
    }
  });
});
