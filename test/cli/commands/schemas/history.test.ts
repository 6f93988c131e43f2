import { expect } from 'chai';
import { z } from 'zod';
import * as schemas from '../../../../src/cli/commands/schemas/index.js';
import type { Broker } from '../../../../src/broker/broker.js';
import type { Fields } from '../../../../src/broker/messages/amqp-fields.js';
import { HEADERS } from '../../../../src/broker/messages/headers.js';
import { topologyOf } from '../../../../src/broker/topology/topology.js';
import { migrateDeadLetters } from '../../../../src/dead-letters/storage/migrations.js';
import { storeDeadLetter } from '../../../../src/dead-letters/storage/store-dead-letter.js';
import { event } from '../../../../src/events/definition.js';
import { CLOUDEVENTS_JSON, type UnsequencedEvent } from '../../../../src/events/envelope.js';
import { derivedId } from '../../../../src/events/ids.js';
import { baseCatalogue, catalogue } from '../../../../src/fleet/catalogue.js';
import { defineFleet } from '../../../../src/fleet/define-fleet.js';
import type { HistoryReport } from '../../../../src/runtime/history/check-history.js';
import { workerDefinitionOf } from '../../../../src/worker/definition/worker-definition.js';
import { queuesOfAll } from '../../../../src/worker/definition/queues.js';
import { eventOf } from '../../../contract/store-events.js';
import { runCommand } from '../../../support/command.js';
import { openFleetPlace, type FleetPlace } from '../../../support/fleet-place.js';

const v1 = z.strictObject({ total: z.int() });
const v2 = z.strictObject({ total: z.int(), currency: z.string() });

/** A fleet whose catalogue knows two versions of `order.created`. */
const types = catalogue(baseCatalogue, {
  'order.created': event({ 1: v1, 2: v2 }, { 1: ({ total }) => ({ total, currency: 'USD' }) }),
});
const fleet = defineFleet({
  catalogue: types,
  workers: ['payment', 'shipping'].map((name) =>
    types.defineWorker({ name, on: { 'order.created': () => undefined }, retry: { delays: ['2s', '1h'] } }),
  ),
});

const order = (version: number, over: Partial<UnsequencedEvent> = {}) =>
  eventOf('order/1', { dataschema: `urn:flotilla:order.created:${version}`, ...over });
const invalid = (over: Partial<UnsequencedEvent> = {}) => order(1, { data: { total: 'five' }, ...over });

describe('the command schemas check --history', function () {
  this.timeout(120_000);
  let place: FleetPlace;
  beforeEach(async () => (place = await openFleetPlace()));
  afterEach(() => place.remove());

  const run = (...args: string[]) =>
    runCommand({ modules: [schemas], fleet, env: place.env, cwd: place.folder }, [
      'schemas',
      'check',
      '--history',
      ...args,
    ]);
  const report = async (...args: string[]) => {
    const { out, ...result } = await run('--json', ...args);
    return { ...result, ...(JSON.parse(out) as HistoryReport) };
  };
  /** Appends events, each to a stream of its own. */
  const store = async (service: string, ...events: UnsequencedEvent[]) => {
    const opened = await place.openStore(service);
    for (const [n, each] of events.entries()) await opened.append(`order/${n}`, 'any', [each]);
    await opened.close();
  };
  const connected = async () => {
    const broker = await place.connect();
    const workers = queuesOfAll(fleet.workers.map(workerDefinitionOf));
    const options = { prefix: place.prefix, log: { maxAge: '1h', maxBytes: 1_000_000 }, unroutedMax: 100 };
    await broker.applyTopology(topologyOf(workers, options));
    return broker;
  };
  const publish = async (broker: Broker, queue: string, bodies: readonly string[], headers: Fields = {}) => {
    const publisher = broker.createPublisher();
    await publisher.ready();
    for (const [n, body] of bodies.entries()) {
      const properties = { contentType: CLOUDEVENTS_JSON, messageId: `m${n}`, headers };
      await publisher.publish({ exchange: '', routingKey: queue, body: Buffer.from(body), properties });
    }
    await publisher.close();
  };

  it('reports that every store can be read, those of services that left the fleet included', async () => {
    await store('payment', order(1), order(2, { data: { total: 1, currency: 'EUR' } }));
    await store('retired', order(1));
    await store('ops');
    const { code, out, said } = await run('--no-broker');
    expect(code, said).to.equal(0);
    expect(out).to.match(/^store payment +2 +0$/m).and.match(/^store retired +1 +0$/m);
    expect(out).to.match(/^0 of 3 unreadable$/m);
    expect(said).to.equal('Not on this machine: the stores of shipping.\n');
  });

  it('groups what it cannot read by type, version and code, with the first and the last', async () => {
    const at = (hour: number) => ({ time: `2026-01-01T0${hour}:00:00.000Z` });
    const [first, second, third] = [invalid(at(1)), invalid(at(2)), invalid(at(3))];
    await store('payment', second, first, order(3), order(1));
    await store('shipping', third, eventOf('order/1', { type: 'order.gone' }), order(1));
    const { code, groups, unreadable, checked, versions } = await report('--no-broker');
    expect({ code, unreadable, checked }).to.deep.equal({ code: 1, unreadable: 5, checked: 7 });
    expect(groups.map(({ type, version, code: reason, count }) => [type, version, reason, count])).to.deep.equal([
      ['order.created', 1, 'contract.invalid_data', 3],
      ['order.created', 3, 'contract.newer_version', 1],
      ['order.gone', 1, 'contract.unknown_type', 1],
    ]);
    expect(groups[0]).to.deep.include({
      places: { 'store payment': 2, 'store shipping': 1 },
      first: { id: first.id, ...at(1), place: 'store payment', inspect: `flotilla events show ${first.id}` },
      last: { id: third.id, ...at(3), place: 'store shipping', inspect: `flotilla events show ${third.id}` },
    });
    expect(versions).to.deep.include({
      type: 'order.created',
      version: 1,
      places: { 'store payment': 3, 'store shipping': 2 },
    });
    const { out } = await run('--no-broker');
    expect(out).to.match(/^UNREADABLE contract\.invalid_data {2}order\.created 1 {2}3$/m);
    expect(out).to.contain(`  first     2026-01-01T01:00:00.000Z  ${first.id}  flotilla events show ${first.id}`);
    expect(out).to.match(/^5 of 7 unreadable$/m);
  });

  it('reads only the stores of the named services', async () => {
    await store('payment', order(1));
    await store('shipping', invalid());
    expect(await report('--service', 'payment')).to.deep.include({ code: 0, checked: 1, absent: [] });
    expect(await report('--service', 'shipping')).to.include({ code: 1, checked: 1 });
    const { said } = await run('--service', 'paymnt');
    expect(said).to.contain('there is no service "paymnt"; did you mean payment?');
  });

  it('reads dead letters that may be replayed, except those that were unreadable before', async () => {
    const ops = await place.openStore('ops');
    await migrateDeadLetters(ops);
    const letter = (n: number, code: string, body: string) => ({
      ...{ id: derivedId(n, 'letter'), worker: 'payment', eventId: null, source: null, type: null, kind: null },
      ...{ subject: null, correlationId: null, code, message: '', deadAt: '2026-01-01T00:00:00.000Z', replays: 0 },
      ...{ attempts: [], body: Buffer.from(body), properties: { contentType: CLOUDEVENTS_JSON } },
    });
    await storeDeadLetter(ops, letter(1, 'worker.handler_failed', JSON.stringify(order(1))), 0);
    await storeDeadLetter(ops, letter(2, 'contract.not_json', 'not json'), 0);
    expect(await report('--no-broker')).to.include({ code: 0, unreadable: 0 });
    await storeDeadLetter(ops, letter(3, 'worker.handler_failed', JSON.stringify(invalid())), 0);
    await ops.close();
    const { code, groups, known, places } = await report('--no-broker');
    expect(code).to.equal(1);
    expect(places.find(({ place: name }) => name === 'dead letters')).to.include({ checked: 3, unreadable: 1 });
    const id = derivedId(3, 'letter');
    expect(groups.map(({ first }) => first)).to.deep.equal([
      { id, time: '2026-01-01T00:00:00.000Z', place: 'dead letters', inspect: `flotilla dead show ${id}` },
    ]);
    expect(known.map(({ code: reason, count }) => [reason, count])).to.deep.equal([['contract.not_json', 1]]);
    expect((await run('--no-broker')).out).to.match(/^1 of 6 unreadable, besides 1 dead-lettered as unreadable$/m);
  });

  it('reads waiting retries and dead letters in the broker, which stay there', async () => {
    await place.createStores('payment', 'shipping', 'ops');
    const broker = await connected();
    const { names } = place;
    const waiting = [order(1), invalid()].map((each) => JSON.stringify(each));
    await publish(broker, names.retry('payment', 3_600_000), waiting);
    await publish(broker, names.dead('shipping'), ['not json', JSON.stringify(order(1))], {
      [HEADERS.deadLetterId]: derivedId(1, 'letter'),
      [HEADERS.errorCode]: 'contract.not_json',
    });
    const found = await report();
    expect(found).to.deep.include({ code: 1, unread: [], unreadable: 1 });
    const counts = found.places.map(({ place: name, checked, unreadable }) => [name, checked, unreadable]);
    expect(counts).to.deep.include(['retries payment', 2, 1]).and.to.deep.include([
      'dead letters in the broker shipping',
      2,
      0,
    ]);
    expect(found.known.map(({ code }) => code)).to.deep.equal(['contract.not_json']);
    expect(found.groups.map(({ code, first }) => [code, first.place])).to.deep.equal([
      ['contract.invalid_data', 'retries payment'],
    ]);
    expect(await broker.queueDepth(names.retry('payment', 3_600_000))).to.deep.equal({ ready: 2, consumers: 0 });
    expect(await broker.queueDepth(names.dead('shipping'))).to.deep.equal({ ready: 2, consumers: 0 });
  });

  it('leaves no trace in a message that waits for a retry', async () => {
    await place.createStores('payment', 'shipping', 'ops');
    const broker = await connected();
    const bodies = Array.from({ length: 30 }, () => JSON.stringify(order(1)));
    await publish(broker, place.names.retry('payment', 2_000), bodies);
    const { places } = await report();
    expect(places.find(({ place: name }) => name === 'retries payment')).to.include({ checked: 30 });
    await report();
    const taken: { body: string; redelivered: boolean; headers: object }[] = [];
    await new Promise<void>((resolve) => {
      broker.consume(place.names.queue('payment'), {
        prefetch: 100,
        onDelivery(delivery) {
          const { body, redelivered, properties } = delivery;
          taken.push({ body: Buffer.from(body).toString(), redelivered, headers: properties.headers });
          delivery.ack();
          if (taken.length === bodies.length) resolve();
        },
      });
    });
    expect(taken.map(({ body }) => body)).to.deep.equal(bodies);
    expect(taken.some(({ redelivered }) => redelivered)).to.equal(false);
    expect(taken.filter(({ headers }) => 'x-delivery-count' in headers || HEADERS.attempts in headers)).to.deep.equal([]);
  });

  it('reads events of the stream that no store has, and counts the messages in the queues of workers', async () => {
    await place.createStores('payment', 'shipping', 'ops');
    const broker = await connected();
    const publisher = broker.createPublisher();
    await publisher.ready();
    for (const each of [invalid({ source: 'https://partner.example' }), invalid({ source: 'payment' }), order(1)]) {
      await publisher.publish({
        exchange: place.names.events,
        routingKey: each.type,
        body: Buffer.from(JSON.stringify(each)),
        properties: { contentType: CLOUDEVENTS_JSON },
      });
    }
    await publisher.close();
    const { places, queued, groups } = await report();
    const stream = `stream ${place.names.log}`;
    expect(places.find(({ place: name }) => name === stream)).to.include({ checked: 2, unreadable: 1 });
    expect(groups.map(({ first }) => first.place)).to.deep.equal([stream]);
    expect(queued).to.deep.equal({ payment: 3, shipping: 3 });
  });

  it('fails if the broker cannot be reached, after it has read the stores', async () => {
    await store('payment', order(1));
    place.env['AMQP_URL'] = 'amqp://127.0.0.1:1';
    const { code, out, said } = await run();
    expect(code).to.equal(1);
    expect(out).to.match(/^0 of 1 unreadable$/m);
    expect(said).to.contain('Not read: broker: ').and.contain('127.0.0.1:1');
  });

  it('refuses options that it does not have in common with the gate', async () => {
    for (const args of [['--against', 'main'], ['--annotations']]) {
      expect((await run(...args)).code, args.join(' ')).to.equal(2);
    }
    const { code, said } = await runCommand({ modules: [schemas], fleet, env: {}, cwd: place.folder }, [
      'schemas',
      'check',
      '--no-broker',
    ]);
    expect(code).to.equal(2);
    expect(said).to.contain('require --history');
  });
});
