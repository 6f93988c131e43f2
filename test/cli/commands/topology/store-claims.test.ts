import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { z } from 'zod';
import { tcpProxy } from '../../../support/tcp-proxy.js';
import { createRabbitBroker } from '../../../../src/broker/rabbitmq/broker.js';
import { claimOf } from '../../../../src/broker/topology/store-claim.js';
import type { Broker } from '../../../../src/broker/broker.js';
import { createManagement } from '../../../../src/broker/rabbitmq/management/management.js';
import type { Names } from '../../../../src/broker/topology/topology.js';
import { baseCatalogue, catalogue, event } from '../../../../src/index.js';
import * as dead from '../../../../src/cli/commands/dead/index.js';
import * as keeper from '../../../../src/cli/commands/keeper.js';
import * as reset from '../../../../src/cli/commands/reset.js';
import * as topology from '../../../../src/cli/commands/topology/index.js';
import * as worker from '../../../../src/cli/commands/worker.js';
import { FlotillaError, withRemedy } from '../../../../src/errors.js';
import { completeConfig } from '../../../../src/runtime/running.js';
import { claimStore, refuseForeignBroker } from '../../../../src/runtime/stores/store-claims.js';
import { defineFleet } from '../../../../src/fleet/define-fleet.js';
import { openSqliteStore } from '../../../../src/store/sqlite/index.js';
import { silentLogger } from '../../../../src/telemetry/logger.js';
import { StoreRegistry } from '../../../../src/store/store-registry.js';
import { errorOf } from '../../../contract/broker.js';
import { runCommand, type CommandResult } from '../../../support/command.js';
import { openFleetPlace, type FleetPlace } from '../../../support/fleet-place.js';
import { eventually } from '../../../support/eventually.js';

const at = { logger: silentLogger(), signal: new AbortController().signal };

const types = catalogue(baseCatalogue, { 'job.done': event({ 1: z.strictObject({ n: z.int() }) }) });
const fleet = defineFleet({
  catalogue: types,
  workers: [types.defineWorker({ name: 'adder', on: { 'job.done': () => undefined } })],
});

describe('two fleets with the same prefix', function () {
  this.timeout(120_000);
  let place: FleetPlace;
  let folder: string;
  let managementUrl: string;
  let broker: Broker;
  let names: Names;
  const running: { stop: AbortController; done: Promise<CommandResult> }[] = [];

  beforeEach(async () => {
    place = await openFleetPlace();
    ({ folder, managementUrl, names } = place);
    for (const name of ['first', 'second']) await mkdir(join(folder, name));
    // without the management API, the broker itself compares the claims
    broker = await place.connect();
  });
  afterEach(async () => {
    for (const { stop } of running) stop.abort();
    await Promise.all(running.splice(0).map(({ done }) => done));
    await place.remove();
  });

  const envOf = (which: string, more: NodeJS.ProcessEnv = {}) => ({
    ...place.env,
    DATA_DIR: join(folder, which),
    HEALTH_PORT: '0',
    LOG_LEVEL: 'error',
    ...more,
  });
  const run = (which: string, args: string[], options: { stop?: AbortSignal; env?: NodeJS.ProcessEnv } = {}) => {
    const modules = [topology, dead, keeper, worker, reset];
    const { stop, env } = options;
    return runCommand({ modules, fleet, env: envOf(which, env), cwd: folder, ...(stop && { stop }) }, args);
  };
  const start = (which: string, ...args: string[]) => {
    const stop = new AbortController();
    const process = { stop, done: run(which, args, { stop: stop.signal }) };
    running.push(process);
    return process;
  };
  const storeOf = (which: string, service = 'ops') =>
    openSqliteStore({ service, path: join(folder, which, `${service}.db`) });
  const holderOf = async (service: string) => {
    const [found] = await createManagement({ url: managementUrl }).exchanges(names.store(service));
    return found?.arguments['alternate-exchange'];
  };
  const consumes = async () => ((await broker.queueDepth(names.dead('adder')))?.consumers ?? 0) > 0;

  it('the broker accepts the first store that claims the names of a service, and the same store again', async () => {
    const first = { service: 'core', id: '0197a5b0-0000-7000-8000-000000000001' };
    const second = { service: 'core', id: '0197a5b0-0000-7000-8000-000000000002' };
    const claim = (store: typeof first) =>
      claimStore(broker, names, store, at).then(
        () => store.id,
        (error: unknown) => (error instanceof FlotillaError ? withRemedy(error) : String(error)),
      );
    const answers = await Promise.all([claim(first), claim(second)]);
    const holder = answers.find((answer) => answer.startsWith('0197')) ?? '';
    const refusal = answers.find((answer) => answer !== holder) ?? '';
    expect(refusal).to.contain('Another fleet uses this prefix').and.contain(`claimed by store ${holder}`);
    const [again, other] = holder === first.id ? [first, second] : [second, first];
    expect(await claim(again)).to.equal(holder);
    expect(await claim(other)).to.contain('take-over');
    expect(await claim({ ...other, service: 'payment' })).to.equal(other.id);
  });

  it('a command of the second refuses to read from the broker at the default address', async () => {
    const read = (which: string) => {
      const config = completeConfig({ prefix: place.prefix, dataDir: join(folder, which) });
      const address = { amqpUrl: place.amqpUrl, managementUrl, from: 'default' } as const;
      return errorOf(refuseForeignBroker({ config, cwd: folder }, address));
    };
    expect(await read('second')).to.equal(undefined);
    const store = await storeOf('first');
    await claimStore(broker, names, store, at);
    await store.close();
    new StoreRegistry(join(folder, 'first', 'stores')).set('ops', {
      id: store.id,
      path: 'ops.db',
      since: '2026-01-01T00:00:00.000Z',
    });
    expect(await read('first')).to.equal(undefined);
    expect(await read('second'))
      .to.have.property('message')
      .that.contains(`no fleet runs in ${join(folder, 'second')}; the broker at amqp://`)
      .and.contains('belongs to another fleet');
  });

  it('the second ends before it declares or consumes anything; one line names both stores and two remedies', async () => {
    const first = start('first', 'keeper');
    await eventually(consumes);
    const second = await run('second', ['keeper']);
    expect(second.code).to.equal(2);
    expect(second.said.split('\n').filter((line) => line.includes('fleet.prefix_taken'))).to.have.length(1);
    expect(second.said).to.contain('FLOTILLA_PREFIX').and.contain('take-over').and.contain(names.store('ops'));
    expect((await broker.queueDepth(names.dead('adder')))?.consumers).to.equal(1);
    // another process of the same fleet, and the same process after a restart
    const replica = start('first', 'keeper');
    await eventually(async () => ((await broker.queueDepth(names.dead('adder')))?.consumers ?? 0) === 2);
    for (const { stop, done } of [first, replica]) {
      stop.abort();
      expect((await done).code).to.equal(0);
    }
  });

  it('the second may take over once the first has stopped, and then the first is refused', async () => {
    const { stop, done } = start('first', 'keeper');
    await eventually(consumes);
    await (await storeOf('second')).close();
    const early = await run('second', ['topology', 'take-over']);
    expect(early.code).to.equal(1);
    expect(early.said).to.contain('topology.in_use');
    stop.abort();
    await done;
    await eventually(async () => !(await consumes()));
    const taken = await run('second', ['topology', 'take-over']);
    expect(taken.code).to.equal(0);
    expect(taken.out).to.match(/ops +[0-9a-f-]{36} +[0-9a-f-]{36}/);
    expect((await run('second', ['topology', 'take-over'])).out).to.equal('');
    start('second', 'keeper');
    await eventually(consumes);
    expect((await run('first', ['keeper'])).said).to.contain('fleet.prefix_taken');
    expect((await run('second', ['topology', 'take-over', 'nobody'])).code).to.equal(1);
  });

  it('commands that write to the broker refuse a store of another fleet', async () => {
    await claimStore(broker, names, { service: 'ops', id: '0197a5b0-0000-7000-8000-000000000001' }, at);
    await (await storeOf('second')).close();
    for (const args of [
      ['dead', 'collect'],
      ['dead', 'replay', '--all'],
      ['dead', 'discard', '--all', '--reason', 'noise'],
      ['topology', 'remove', '--surplus', '--yes'],
    ]) {
      const { said } = await run('second', args);
      expect(said, args.join(' ')).to.contain('fleet.prefix_taken');
    }
    expect((await run('second', ['dead', 'list'])).code).to.equal(0);
  });

  it('a process that reconnects refuses the broker of another fleet, and continues once its own is back', async () => {
    const other = '0197a5b0-0000-7000-8000-000000000001';
    const proxy = await tcpProxy(place.env.AMQP_URL ?? '');
    const store = await storeOf('first');
    const failures: string[] = [];
    const fleetProcess = createRabbitBroker({
      url: proxy.through(place.env.AMQP_URL ?? ''),
      connectionName: 'claims test',
      logger: silentLogger(),
      claims: () => claimOf(store, names).exchanges,
      onUnreachable: ({ code, detail }) => failures.push(`${code}: ${detail}`),
    });
    try {
      await claimStore(broker, names, store, at);
      await fleetProcess.ready();
      expect(failures).to.deep.equal([]);
      const management = createManagement({ url: managementUrl });
      await management.deleteExchange(names.store('ops'));
      await claimStore(broker, names, { service: 'ops', id: other }, at);
      proxy.cut();
      await eventually(() => failures.length >= 2, { limit: 10_000 });
      expect(failures[0]).to.contain('fleet.prefix_taken').and.contain(other);
      expect(fleetProcess.state).to.equal('connecting');
      expect(await holderOf('ops')).to.equal(names.store(other));
      await management.deleteExchange(names.store('ops'));
      await fleetProcess.ready();
      expect(await holderOf('ops')).to.equal(names.store(store.id));
    } finally {
      await fleetProcess.close();
      await store.close();
      await proxy.close();
    }
  });

  it('reset removes only the claims of its own stores, so that a new fleet can start', async () => {
    await claimStore(broker, names, { service: 'core', id: '0197a5b0-0000-7000-8000-000000000001' }, at);
    const { stop, done } = start('first', 'keeper');
    await eventually(consumes);
    stop.abort();
    await done;
    await (await storeOf('first', 'core')).close();
    expect(await holderOf('ops')).to.be.a('string');
    const { out, code } = await run('first', ['reset', '--yes']);
    expect(code).to.equal(0);
    expect(out).to.contain('claims of ops on the broker').and.contain('ops.db');
    expect(await holderOf('ops')).to.equal(undefined);
    expect(await holderOf('core')).to.be.a('string');
    start('first', 'keeper');
    await eventually(consumes);
  });

  it('reset reports that the claims remain when the broker is unreachable', async () => {
    await (await storeOf('first')).close();
    await mkdir(join(folder, 'first', 'run'));
    const stop = new AbortController();
    await run('first', ['keeper'], { stop: AbortSignal.any([stop.signal, AbortSignal.timeout(10)]) });
    const { said, code } = await run('first', ['reset', '--yes'], {
      env: { AMQP_URL: 'amqp://127.0.0.1:1', AMQP_MANAGEMENT_URL: 'http://127.0.0.1:1' },
    });
    expect(code).to.equal(0);
    expect(said).to.contain('stay on the broker').and.contain('take-over');
    expect((await readdir(join(folder, 'first'))).filter((name) => !name.startsWith('.'))).to.deep.equal([]);
  });
});
