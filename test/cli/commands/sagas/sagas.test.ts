import { expect } from 'chai';
import { existsSync } from 'node:fs';
import type { EventEnvelope } from 'flotilla';
import * as sagas from '../../../../src/cli/commands/sagas/index.js';
import * as status from '../../../../src/cli/commands/status/index.js';
import { parseFleetKeys } from '../../../../src/broker/signing/fleet-keys.js';
import { createEvent, originContext } from '../../../../src/events/create.js';
import { defineFleet } from '../../../../src/fleet/define-fleet.js';
import { advance } from '../../../../src/sagas/advance.js';
import { countOpenSagas, findSagas, listSagas, sagaStatuses } from '../../../../src/sagas/queries.js';
import { sagaMigrations } from '../../../../src/sagas/saga-table.js';
import type { Sql, Store } from '../../../../src/store/store.js';
import { createTempStore, type TempStore } from '../../../store/support/temp-store.js';
import { runCommand } from '../../../support/command.js';
import { testBroker } from '../../../support/rabbitmq.js';
import { journeys, tripCommands, tripSaga } from '../../../sagas/support/trip.js';
import { sagaDefinitionOf } from '../../../../src/sagas/definition/define-saga.js';

const fleet = defineFleet({
  catalogue: journeys,
  workers: [
    journeys.defineWorker({ name: 'trips', store: 'core', sagas: [tripSaga] }),
    journeys.defineWorker({
      name: 'services',
      on: tripCommands,
    }),
  ],
});

const START = Date.parse('2026-01-01T00:00:00Z');

describe('flotilla sagas', () => {
  let temp: TempStore;
  let store: Store;
  let now = START;
  beforeEach(async () => {
    now = START;
    temp = await createTempStore();
  });
  afterEach(() => temp.dispose());

  const open = async () => {
    store = await temp.open();
    await store.migrate('sagas', sagaMigrations);
  };
  const receive = async (tripId: string, type: string, data: object = {}, causationId?: string) => {
    now += 1000;
    const context = {
      ...originContext({ source: 'test', subject: `trip/${tripId}`, now, correlationId: `c-${tripId}` }),
    };
    const full = type.startsWith('message.') ? data : { tripId, ...data };
    const event = createEvent(journeys.definitions, type, full, { ...context, ...(causationId && { causationId }) });
    await store.transaction((tx) =>
      advance(tx, sagaDefinitionOf(tripSaga), { kind: 'message', sagaId: tripId, now, event }, (subject) =>
        originContext({ source: 'core', subject, now, correlationId: event.correlationid }),
      ),
    );
  };
  /** Starts a trip and publishes these answers. */
  const begin = async (tripId: string, ...answers: string[]) => {
    await receive(tripId, 'trip.asked', { days: 3 });
    for (const type of answers) await receive(tripId, type, type === 'flight.booked' ? { seat: '7A' } : {});
  };
  /** Starts a trip that fails because its flight cannot be cancelled. */
  const fail = async (tripId: string) => {
    await begin(tripId, 'flight.booked');
    await receive(tripId, 'hotel.refused', { reason: 'no bed' });
    await receive(tripId, 'flight.kept', { reason: 'sold' });
    const data = { saga: 'travel', sagaId: tripId, step: 'flight', direction: 'back', attempt: 1, timer: 'retry' };
    const context = originContext({ source: 'core', subject: `travel/${tripId}`, now });
    const event = createEvent(journeys.definitions, 'saga.timer_due', data, context);
    await store.transaction((tx) =>
      advance(tx, sagaDefinitionOf(tripSaga), { kind: 'message', sagaId: tripId, now, event }, () => context),
    );
    await receive(tripId, 'flight.kept', { reason: 'sold' });
  };
  const stream = async (name: string): Promise<EventEnvelope[]> => (await store.read(name)).map(({ event }) => event);

  const run = (args: string[], env: NodeJS.ProcessEnv = {}) =>
    runCommand({ modules: [sagas], fleet, env: { DATA_DIR: temp.folder, ...env }, cwd: temp.folder }, [
      'sagas',
      ...args,
    ]);
  const json = async (...args: string[]) => JSON.parse((await run([...args, '--json'])).out);

  it('list does not report an empty list if the store is not on this machine, and creates no store', async () => {
    const { code, out, said } = await run(['list']);
    expect([code, out]).to.deep.equal([1, '']);
    expect(said)
      .to.match(/Not read: core \(.*core\.db does not exist here\)/)
      .and.not.contain('No sagas are open');
    expect(await json('list')).to.deep.equal({ items: [], total: 0, unread: ['core'] });
    expect(existsSync(temp.path)).to.equal(false);
  });

  it('list reports an empty list', async () => {
    await open();
    const { code, out, said } = await run(['list']);
    expect([code, out]).to.deep.equal([0, '']);
    expect(said).to.contain('No sagas are open.').and.contain('Total: none.');
    expect(await json('list')).to.deep.equal({ items: [], total: 0, unread: [] });
  });

  it('list shows open sagas, or those that match the options', async () => {
    await open();
    await begin('t1', 'flight.booked', 'hotel.booked', 'mail.sent');
    await begin('t2', 'flight.booked');
    await fail('t3');
    await begin('t4');

    const { out, said } = await run(['list']);
    expect(out.split('\n')[0]).to.match(/^SAGA +ID +STATUS +WAITING FOR +UNTIL +REASON +UPDATED$/);
    expect(out)
      .to.match(/travel +t4 +started +flight +2026/)
      .and.match(/travel +t3 +failed +operator: compensation of flight +sold/)
      .and.match(/travel +t2 +started +hotel /);
    expect(said).to.contain('Total: 2 started, 1 failed, 1 completed.');

    const ids = async (...args: string[]) => {
      const { items, total } = await json('list', ...args);
      return [items.map(({ sagaId }: { sagaId: string }) => sagaId).join(' '), total];
    };
    expect(await ids()).to.deep.equal(['t4 t3 t2', 3]);
    expect(await ids('--limit', '1')).to.deep.equal(['t4', 3]);
    expect(await ids('--status', 'all')).to.deep.equal(['t4 t3 t2 t1', 4]);
    expect(await ids('--status', 'completed')).to.deep.equal(['t1', 1]);
    expect(await ids('--saga', 'travel', '--step', 'hotel')).to.deep.equal(['t2', 1]);
    expect(await ids('--overdue')).to.deep.equal(['t4 t2', 2]);
    expect((await run(['list', '--status', 'compensated'])).said).to.contain('No sagas are compensated.');
    expect((await run(['list', '--status', 'completed', '--step', 'mail'])).said).to.contain('No sagas match.');
  });

  it('show prints the status, the reason, the awaited answer, the history and the possible actions', async () => {
    await open();
    await begin('t2', 'flight.booked');
    const { code, out } = await run(['show', 't2']);
    expect(code).to.equal(0);
    const lines = out.split('\n');
    expect(lines[0]).to.equal('travel of trip/t2: started');
    expect(out)
      .to.contain('waiting  for the answer to hotel, attempt 1, until 2026-01-01T00:02:02.000Z')
      .and.contain('overdue: check that its worker is running')
      .and.match(/ {2}flight +done +2026-01-01T00:00:02.000Z\n {2}hotel +requested\n {2}mail +not started\n/)
      .and.contain('2026-01-01T00:00:01.000Z  started by trip.asked')
      .and.contain('flotilla sagas retry t2  sends the command again now')
      .and.contain('flotilla sagas compensate t2 --reason');
    expect(out).not.to.match(/7A|days|incomplete/);

    await fail('t3');
    const failed = (await run(['show', 't3'])).out;
    expect(failed)
      .to.match(/^travel of trip\/t3: failed, manual intervention required\nreason {3}sold\n/)
      .and.match(/ {2}flight +compensation failed +2 compensation attempts; sold\n {2}hotel +refused +no bed\n/)
      .and.contain('flotilla sagas retry t3  retries the compensation');
    expect(failed).not.to.contain('compensate t3');
    expect(await json('show', 't3')).to.include({ sagaId: 't3', status: 'failed', complete: true });
  });

  it('show links to the dead letter of the awaited command', async () => {
    await open();
    await begin('t2');
    const [command] = await stream('trip/t2');
    const letter = {
      deadLetterId: '00000000-0000-4000-8000-000000000000',
      worker: 'services',
      eventId: command?.id,
      type: 'flight.book',
      kind: 'command',
      code: 'worker.timeout',
      message: 'x',
    };
    await receive('t2', 'message.dead_lettered', letter, command?.id);
    expect((await run(['show', 't2'])).out).to.contain(
      'its command was dead-lettered (flight.book: worker.timeout): flotilla dead list --subject trip/t2',
    );
  });

  it('finds a saga by its id, a unique prefix, its subject or its stream', async () => {
    await open();
    await begin('abc1');
    await begin('abc');
    await begin('abd');
    for (const [text, id] of [
      ['abc', 'abc'],
      ['abc1', 'abc1'],
      ['abd', 'abd'],
      ['trip/abd', 'abd'],
      ['travel/abc', 'abc'],
      ['trip/abd', 'abd'],
    ]) {
      expect((await json('show', text ?? '')).sagaId, text).to.equal(id);
    }
    for (const text of ['ab', 'x', '', '%', 'hotel/abc', 'trip/', 'travel/']) {
      const { code, said } = await run(['show', text]);
      expect(code, text).to.equal(1);
      expect(said).to.match(/^saga\.not_found: /);
    }
    expect((await run(['show', 'ab'])).said).to.contain('travel/abc, travel/abc1');
  });

  it('finds no saga by an empty id, even if there is only one', async () => {
    await open();
    await begin('t1');
    for (const text of ['', 'trip/', 'travel/']) expect((await run(['show', text])).code, text).to.equal(1);
  });

  it('retry sends the command again with the configured time-out, and keeps the correlation id', async () => {
    await open();
    await begin('t2');
    const before = Date.now();
    const { code, out } = await run(['retry', 't2'], { SAGA_TIMEOUT: '3h' });
    expect(code).to.equal(0);
    expect(out).to.match(/^travel\/t2 is started: flight requested, attempt 2; answer expected by 20/);
    const [first, second] = await stream('trip/t2');
    expect([first?.type, second?.type]).to.deep.equal(['flight.book', 'flight.book']);
    expect(second?.correlationid).to.equal('c-t2');
    expect(second?.source).to.equal('core');
    const events = await stream('travel/t2');
    expect(events.slice(2).map(({ type }) => type)).to.deep.equal(['saga.resumed', 'saga.step_started']);
    expect((events[2]?.data as { who: string }).who).to.not.equal('');
    const due = (await store.nextTimer()) ?? 0;
    expect(due - before).to.be.within(3 * 3_600_000, 3 * 3_600_000 + 60_000);

    await fail('t3');
    expect((await json('retry', 't3')).waiting).to.include({ step: 'flight', direction: 'back', attempt: 3 });
  });

  it('retry derives the id of the command with the key of the fleet', async () => {
    await open();
    await begin('t2');
    const key = 'k'.repeat(40);
    expect((await run(['retry', 't2'], { FLEET_KEY: key })).code).to.equal(0);
    const command = (await stream('trip/t2')).at(-1);
    const time = Date.parse(command?.time ?? '');
    const parts = [time, 'saga', 'travel', 't2', 'flight', 'forward', 2] as const;
    expect(command?.id).to.equal(parseFleetKeys(key).deriveId(...parts));
  });

  it('compensate requires a reason and compensates', async () => {
    await open();
    await begin('t2', 'flight.booked');
    expect((await run(['compensate', 't2'])).code).to.equal(2);
    expect((await run(['compensate', 't2', '--reason', ' '])).code).to.equal(2);
    const unasked = await run(['compensate', 't2', '--reason', 'fraud']);
    expect([unasked.code, unasked.said]).to.deep.equal([2, 'usage: --yes is required without a terminal']);
    const { code, out } = await run(['compensate', 'trip/t2', '--reason', 'fraud', '--yes']);
    expect(code).to.equal(0);
    expect(out).to.contain('travel/t2 is compensating: compensation of hotel requested; answer expected by');
    const progress = await json('show', 't2');
    expect(progress).to.include({ status: 'compensating' });
    expect(progress.reason).to.equal('fraud');
    expect((await stream('trip/t2')).at(-1)).to.include({ type: 'hotel.cancel', correlationid: 'c-t2' });
  });

  it('reports in one line why a request is rejected, and changes nothing', async () => {
    await open();
    await begin('t1', 'flight.booked', 'hotel.booked', 'mail.sent');
    const head = await store.head();
    for (const args of [
      ['retry', 't1'],
      ['compensate', 't1', '--reason', 'x'],
    ]) {
      const { code, out, said } = await run(args);
      expect([code, out], args.join(' ')).to.deep.equal([1, '']);
      expect(said).to.match(/^saga\.refused: [^\n]*it is completed: [^\n]+$/);
    }
    expect(await store.head()).to.equal(head);
    expect((await run(['retry', 'none'])).said).to.match(/^saga\.not_found: /);
  });

  it('status reports a failed saga as an alarm', async function () {
    this.timeout(60_000);
    const { amqpUrl, managementUrl, prefix } = await testBroker();
    const env = {
      AMQP_URL: amqpUrl,
      AMQP_MANAGEMENT_URL: managementUrl,
      FLOTILLA_PREFIX: prefix,
      DATA_DIR: temp.folder,
    };
    const look = (...args: string[]) =>
      runCommand({ modules: [status], fleet, env, cwd: temp.folder }, ['status', ...args]);
    expect(JSON.parse((await look('--json')).out).sagas).to.deep.equal([]);
    await open();
    await begin('t2');
    expect((await look()).out).not.to.contain('flotilla sagas');
    await fail('t3');
    expect((await look()).out).to.contain(
      'ALARM: 1 of travel failed: manual intervention required: flotilla sagas list --status failed',
    );
    expect(JSON.parse((await look('--json')).out).sagas).to.deep.equal([
      { saga: 'travel', worker: 'trips', started: 1, compensating: 0, failed: 1 },
    ]);
  });

  it('exits with 2 on wrong usage', async () => {
    for (const args of [['list', '--status', 'odd'], ['list', '--limit', '0'], ['show'], ['retry'], ['compensate']]) {
      expect((await run(args)).code, args.join(' ')).to.equal(2);
    }
  });

  it('looks up lists and counts by an index', async () => {
    await open();
    const plans: string[] = [];
    const explained: Sql = async (text, ...values) => {
      const [head = '', ...rest] = text;
      const explain = Object.assign([`explain query plan ${head}`, ...rest], { raw: [] });
      const rows = await store.query<{ detail: string }>(explain, ...values);
      plans.push(...rows.map(({ detail }) => detail));
      return [];
    };
    await listSagas(explained, { statuses: sagaStatuses, saga: 'travel', step: 'hotel', dueBefore: 'z' }, 5);
    await countOpenSagas(explained);
    await findSagas(explained, 'travel', 't', 2);
    expect([...new Set(plans)]).to.have.members([
      'SEARCH sagas USING INDEX sagas_by_status (status=?)',
      'SEARCH sagas USING COVERING INDEX sagas_by_status (status=?)',
      'USE TEMP B-TREE FOR GROUP BY',
      'SEARCH sagas USING INDEX sqlite_autoindex_sagas_1 (saga=? AND saga_id>? AND saga_id<?)',
    ]);
  });
});
