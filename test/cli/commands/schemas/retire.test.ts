import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { z } from 'zod';
import * as schemas from '../../../../src/cli/commands/schemas/index.js';
import { topologyOf } from '../../../../src/broker/topology/topology.js';
import { event } from '../../../../src/events/definition.js';
import { CLOUDEVENTS_JSON } from '../../../../src/events/envelope.js';
import { baseCatalogue, catalogue } from '../../../../src/fleet/catalogue.js';
import { processContractsOf } from '../../../../src/fleet/process-contracts.js';
import { defineFleet, type Fleet } from '../../../../src/fleet/define-fleet.js';
import { registerProcess } from '../../../../src/observability/processes/process-registry.js';
import { workerDefinitionOf } from '../../../../src/worker/definition/worker-definition.js';
import { queuesOfAll } from '../../../../src/worker/definition/queues.js';
import { eventOf } from '../../../contract/store-events.js';
import { runCommand } from '../../../support/command.js';
import { openFleetPlace, type FleetPlace } from '../../../support/fleet-place.js';

const v1 = z.strictObject({ total: z.int() });
const v2 = v1.extend({ currency: z.string() });
const toSecond = { 1: ({ total }: { total: number }) => ({ total, currency: 'USD' }) };

type Versions = '1' | '1, 2' | '2';

/** A fleet whose catalogue has these versions of `order.created`, and a worker with handlers of these keys. */
function fleetOf(versions: Versions, ...keys: string[]): Fleet {
  const definition = {
    '1': event({ 1: v1 }),
    '1, 2': event({ 1: v1, 2: v2 }, toSecond),
    '2': event({ 2: v2 }),
  }[versions];
  const types = catalogue(baseCatalogue, { 'order.created': definition });
  const on = Object.fromEntries((keys.length > 0 ? keys : ['order.created']).map((key) => [key, () => undefined]));
  const worker = types.defineWorker({ name: 'payment', on: on as never, retry: { delays: ['1h'] } });
  return defineFleet({ catalogue: types, workers: [worker] });
}

const order = (version: number) =>
  eventOf('order/1', {
    dataschema: `urn:flotilla:order.created:${version}`,
    data: version === 1 ? { total: 5 } : { total: 5, currency: 'EUR' },
  });

describe('retiring a version', function () {
  this.timeout(120_000);
  let place: FleetPlace;
  beforeEach(async () => {
    place = await openFleetPlace();
    const workers = queuesOfAll(fleetOf('1, 2').workers.map(workerDefinitionOf));
    const options = { prefix: place.prefix, log: { maxAge: '1h', maxBytes: 1_000_000 }, unroutedMax: 100 };
    await (await place.connect()).applyTopology(topologyOf(workers, options));
    // an empty log is read for four seconds
    await publish(place.names.log, order(2));
    await place.createStores('payment', 'ops');
    await run(fleetOf('1, 2'), 'write');
  });
  afterEach(() => place.remove());

  const run = (fleet: Fleet, ...args: string[]) =>
    runCommand({ modules: [schemas], fleet, env: place.env, cwd: place.folder }, ['schemas', ...args]);
  const retire = (...args: string[]) => run(fleetOf('1, 2'), 'retire', 'order.created@1', ...args);
  const obstacles = async (fleet = fleetOf('1, 2')) => {
    const { code, out } = await run(fleet, 'retire', 'order.created@1', '--dry-run', '--json');
    const found = (JSON.parse(out) as { obstacles: string[] }).obstacles;
    expect(code, out).to.equal(found.length === 0 ? 0 : 1);
    return found;
  };
  const append = async (service: string, version: number) => {
    const store = await place.openStore(service);
    await store.append('order/1', 'any', [order(version)]);
    await store.close();
  };
  const publish = async (queue: string, event: ReturnType<typeof order>) => {
    const publisher = (await place.connect()).createPublisher();
    await publisher.ready();
    const body = Buffer.from(JSON.stringify(event));
    await publisher.publish({ exchange: '', routingKey: queue, body, properties: { contentType: CLOUDEVENTS_JSON } });
    await publisher.close();
  };
  /** Registers this process as one of the fleet. */
  const register = (fleet: Fleet, over: object = {}) =>
    registerProcess({
      dir: join(place.folder, 'run'),
      role: 'worker',
      workers: ['payment'],
      url: 'http://127.0.0.1:1',
      pid: process.pid,
      startedAt: '2026-11-29T00:00:00.000Z',
      contracts: processContractsOf(fleet, fleet.workers.map(workerDefinitionOf), { library: '0.1.0', commit: 'abc' }),
      ...over,
    });

  it('records it, after which the catalogue may lack it', async () => {
    await append('payment', 2);
    const before = await run(fleetOf('2'), 'check');
    expect(before.code).to.equal(1);
    expect(before.out).to.contain('version-removed');
    expect(await retire('--dry-run')).to.include({ code: 0 });
    expect((await run(fleetOf('2'), 'check')).code).to.equal(1);
    const { code, out, said } = await retire();
    expect(code, out + said).to.equal(0);
    expect(out).to.contain('order.created 1 is retired: 2 messages and 0 processes examined');
    expect(out).to.contain('its versions begin with 2');
    const [entry] = JSON.parse(await readFile(join(place.folder, 'schemas/retired.json'), 'utf8')) as object[];
    expect(entry).to.include({ type: 'order.created', version: 1 });
    expect((await run(fleetOf('2'), 'check')).out).to.contain('0 errors');
    expect((await run(fleetOf('2'), 'list')).out).to.match(/^order\.created +event +2 \(retired 1\) +payment$/m);
    const shown = await run(fleetOf('2'), 'show', 'order.created@1');
    expect(JSON.parse(shown.out)).to.include({ $id: 'urn:flotilla:order.created:1' });
    expect(shown.said).to.contain('committed schema');
    const again = await retire();
    expect(again).to.include({ code: 2 });
    expect(again.said).to.contain('retired already');
  });

  it('is refused while a store, its archive or its timers have an event of it', async () => {
    await append('payment', 1);
    expect(await obstacles()).to.deep.equal(['store payment has 1 message of it']);
    const store = await place.openStore('payment');
    await store.append('order/1', 'any', [order(2)]);
    await store.transaction(async (tx) => {
      await tx.moveCheckpoint('relay', 0, 2);
      await tx.schedule({ id: 't', dueAt: 2 ** 42, event: order(1) });
    });
    await store.archive('order/1', 1);
    await store.close();
    expect(await obstacles()).to.deep.equal(['archive payment has 1 message of it', 'timers payment has 1 message of it']);
    const { code, out } = await retire();
    expect(code).to.equal(1);
    expect(out).to.contain('  - archive payment has 1 message of it');
  });

  for (const [where, queue] of [
    ['retries payment', (names: FleetPlace['names']) => names.retry('payment', 3_600_000)],
    ['quarantine payment', (names: FleetPlace['names']) => names.newer('payment')],
    ['dead letters in the broker payment', (names: FleetPlace['names']) => names.dead('payment')],
  ] as const) {
    it(`is refused while ${where} have a message of it`, async () => {
      await publish(queue(place.names), order(1));
      expect(await obstacles()).to.deep.equal([`${where} has 1 message of it`]);
    });
  }

  it('is refused while a handler of the fleet requests it', async () => {
    expect(await obstacles(fleetOf('1, 2', 'order.created@1'))).to.deep.equal(['worker payment requests order.created@1']);
    expect(await obstacles(fleetOf('1, 2', 'order.created@2'))).to.deep.equal([]);
  });

  it('is refused while a running process writes it, requests it or does not report what it reads', async () => {
    const who = `payment (pid ${process.pid})`;
    for (const [fleet, over, found] of [
      [fleetOf('1'), {}, [`${who} writes version 1`]],
      [fleetOf('1, 2', 'order.created@1'), {}, [`worker payment of ${who} requests version 1`]],
      [fleetOf('1, 2'), { contracts: undefined }, [`${who} is of an earlier release, which does not report what it reads`]],
      [fleetOf('1, 2'), {}, []],
      [fleetOf('2'), {}, []],
    ] as const) {
      const unregister = await register(fleet, over);
      expect(await obstacles()).to.deep.equal(found);
      await unregister();
    }
  });

  it('is refused while a store is not here, and while the broker cannot be reached', async () => {
    await rm(join(place.folder, 'payment.db'));
    place.env['AMQP_URL'] = 'amqp://127.0.0.1:1';
    const found = await obstacles();
    expect(found).to.have.length(2);
    expect(found[0]).to.match(/^broker could not be read: .*127\.0\.0\.1:1/);
    expect(found[1]).to.equal('the store of payment is not on this machine');
  });

  it('is refused while a consumer of another machine reads the type', async () => {
    const consumer = (await place.connect()).consume(place.names.queue('payment'), { prefetch: 1, onDelivery: () => {} });
    while (!consumer.consuming) await new Promise(setImmediate);
    expect(await obstacles()).to.deep.equal(['payment has 1 consumers that are not registered on this machine']);
    const unregister = await register(fleetOf('1, 2'));
    expect(await obstacles()).to.deep.equal([]);
    await unregister();
    await consumer.close();
  });

  it('begins with the earliest version and never includes the latest', async () => {
    const three = catalogue(baseCatalogue, {
      'order.created': event(
        { 1: v1, 2: v2, 3: v2.extend({ note: z.string() }) },
        { ...toSecond, 2: (data: z.infer<typeof v2>) => ({ ...data, note: '' }) },
      ),
    });
    const fleet = defineFleet({ catalogue: three, workers: [] });
    for (const [version, why] of [
      ['@2', 'retire order.created@1 first'],
      ['@3', '3 is the latest version'],
      ['@4', 'name one of the versions 1, 2, 3'],
      ['@x', 'name one of the versions'],
      ['', 'name one of the versions'],
    ] as const) {
      const { code, said } = await run(fleet, 'retire', `order.created${version}`);
      expect(code, said).to.equal(2);
      expect(said).to.contain(why);
    }
    expect((await run(fleet, 'retire', 'order.creatd@1')).said).to.contain('order.created');
  });

  it('lists readers of the fleet and of running processes', async () => {
    const unregister = await register(fleetOf('1, 2', 'order.created@1', 'order.created'));
    const { code, out } = await run(fleetOf('1, 2'), 'readers', 'order.created');
    expect(code).to.equal(0);
    expect(out).to.contain('order.created: versions 1, 2\n');
    expect(out).to.match(/^payment +worker +payment +2$/m);
    expect(out).to.match(new RegExp(`^payment +${process.pid} +1 to 2 +payment 1 2 +0\\.1\\.0 abc$`, 'm'));
    await unregister();
    const old = await register(fleetOf('1'), { contracts: undefined });
    const unknown = await run(fleetOf('1, 2'), 'readers', 'order.created');
    expect(unknown.out).to.match(new RegExp(`^payment +${process.pid} +unknown +unknown +unknown$`, 'm'));
    const { running, elsewhere } = JSON.parse(
      (await run(fleetOf('1, 2'), 'readers', 'order.created', '--json')).out,
    ) as { running: object[]; elsewhere: object };
    expect(running[0]).to.deep.include({ program: null, knows: null, reads: [] });
    expect(elsewhere).to.deep.equal({});
    await old();
    expect((await run(fleetOf('1, 2'), 'readers', 'order.created@1')).code).to.equal(2);
  });
});
