import { once } from 'node:events';
import { readdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { CLOUDEVENTS_JSON } from '../../src/events/envelope.js';
import type { Broker } from '../../src/broker/broker.js';
import { createManagement } from '../../src/broker/rabbitmq/management/management.js';
import { bindingName } from '../../src/broker/topology/binding-name.js';
import { parseFleetKeys } from '../../src/broker/signing/fleet-keys.js';
import { registerKey } from '../../src/broker/signing/key-registration.js';
import type { Names, Topology } from '../../src/broker/topology/topology.js';
import * as dead from '../../src/cli/commands/dead/index.js';
import * as doctor from '../../src/cli/commands/doctor/index.js';
import * as retrying from '../../src/cli/commands/retrying.js';
import * as status from '../../src/cli/commands/status/index.js';
import * as topology from '../../src/cli/commands/topology/index.js';
import * as unrouted from '../../src/cli/commands/unrouted.js';
import { loadConfig } from '../../src/config/load-config.js';
import { defineFleet } from '../../src/fleet/define-fleet.js';
import { registerProcess } from '../../src/observability/processes/process-registry.js';
import { topologySettings } from '../../src/runtime/fleet/topology-settings.js';
import {
  publishDeadLetters,
  deadLetterMessage,
  takeMessages,
  payments,
} from '../dead-letters/support/dead-letter-fixture.js';
import { runCommand } from '../support/command.js';
import { openFleetPlace, type FleetPlace } from '../support/fleet-place.js';

const fleet = defineFleet({
  catalogue: payments,
  workers: [
    payments.defineWorker({ name: 'payment', on: { 'payment.process': () => undefined }, retry: { delays: ['1h'] } }),
    payments.defineWorker({ name: 'watcher', on: { 'message.*': () => undefined }, retry: { delays: [] } }),
  ],
  api: { store: 'core', routes: [] },
  isClosed: ({ subject }, history) => subject === 'order/closed' && history.length > 0,
});

describe('operator commands', function () {
  this.timeout(90_000);
  let place: FleetPlace;
  let folder: string;
  let env: NodeJS.ProcessEnv;
  let broker: Broker;
  let names: Names;

  beforeEach(async () => {
    place = await openFleetPlace();
    ({ folder, env, names } = place);
    broker = await place.connect();
  });
  afterEach(async () => {
    await place.remove();
  });

  const run = (...args: string[]) =>
    runCommand({ modules: [doctor, status, topology, dead, retrying, unrouted], fleet, env, cwd: folder }, args);
  const json = async (...args: string[]) => JSON.parse((await run(...args, '--json')).out);

  it('reading dead letters removes none from the broker and changes no store', async () => {
    await run('topology', 'apply');
    const publisher = broker.createPublisher();
    await publisher.ready();
    await publishDeadLetters(
      { publisher, names },
      deadLetterMessage({ orderId: 'a' }),
      deadLetterMessage({ orderId: 'b' }),
    );
    await publisher.close();
    const waiting = async () => (await broker.queueDepth(names.dead('payment')))?.ready;

    const refused = [
      ['dead', 'list'],
      ['dead', 'show', 'abc'],
      ['dead', 'collect'],
      ['dead', 'replay', '--all'],
      ['dead', 'edit', 'abc', '--set', 'data.amount=1'],
      ['dead', 'discard', '--all', '--reason', 'noise'],
    ];
    for (const args of refused) {
      const { code, said } = await run(...args);
      expect(code, args.join(' ')).to.equal(1);
      expect(said, args.join(' ')).to.contain('store.missing').and.contain('DATA_DIR');
    }
    const incomplete = await run('status');
    expect(incomplete.code).to.equal(1);
    expect(incomplete.said).to.contain('Not read: ops');
    expect(await readdir(folder)).to.deep.equal([]);
    expect(await waiting()).to.equal(2);

    await place.createStores('ops');
    const headOf = async () => {
      const store = await place.openStore('ops');
      return store.head().finally(() => store.close());
    };
    const listed = await run('dead', 'list');
    expect(listed.said).to.contain('2 dead letters still wait in the broker (payment 2)').and.contain('dead collect');
    expect((await json('dead', 'list')).waiting).to.deep.equal([{ worker: 'payment', ready: 2 }]);
    expect((await json('dead', 'list', 'watcher')).waiting).to.deep.equal([]);
    expect((await run('dead', 'show', 'abc')).said).to.contain('payment 2');
    expect((await run('dead', 'replay', '--all')).said)
      .to.contain('payment 2')
      .and.contain('0 selected');
    expect((await run('dead', 'discard', '--all', '--reason', 'noise')).said).to.contain('payment 2');
    expect(await waiting()).to.equal(2);
    expect(await headOf()).to.equal(0);

    expect(await json('dead', 'collect')).to.deep.equal({ collected: 2, waiting: [] });
    expect(await waiting()).to.equal(0);
    expect(await json('dead', 'list')).to.deep.include({ total: 2, waiting: [] });
  });

  it('plan reports missing parts, apply creates them, and status then shows the queues', async () => {
    const before = await run('status');
    expect(before.out)
      .to.match(/payment +- /)
      .and.contain('topology apply');
    const plan = await json('topology', 'plan');
    expect(plan.items.map(({ name }: { name: string }) => name)).to.include.members([
      names.events,
      names.queue('payment'),
      names.retry('payment', 3_600_000),
    ]);
    expect((await run('topology', 'apply')).code).to.equal(0);
    expect((await run('topology', 'plan')).said).to.contain('complete');
    const after = await json('status');
    expect(after.total).to.equal(2);
    expect(after.items[0]).to.include({ worker: 'payment', exists: true, ready: 0, breaker: null });
  });

  it('status reports a missing binding until apply has declared it', async () => {
    await run('topology', 'apply');
    expect(await json('status'))
      .to.have.property('missingBindings')
      .that.deep.equals([]);
    const management = createManagement({ url: env.AMQP_MANAGEMENT_URL ?? '' });
    const bindings = await management.bindings();
    const binding = bindings.find(({ destination }) => destination === names.queue('payment'));
    if (binding === undefined) expect.fail('the queue of payment has no binding');
    await management.unbind(binding);
    const name = bindingName(binding);
    expect((await run('status')).out).to.contain(`flotilla topology apply\n  ${name}\n`);
    const plan = await json('topology', 'plan');
    expect(plan.items).to.deep.equal([{ kind: 'binding', name, problem: 'missing', detail: 'not bound' }]);
    expect((await run('topology', 'apply')).code).to.equal(0);
    expect((await json('status')).missingBindings).to.deep.equal([]);
  });

  it('plan fails when an existing part cannot be changed', async () => {
    await broker.applyTopology({
      exchanges: [],
      queues: [{ name: names.queue('payment'), arguments: { 'x-queue-type': 'classic' } }],
      bindings: [],
    });
    const { code, out } = await run('topology', 'plan');
    expect(code).to.equal(1);
    expect(out).to.contain('conflict');
    expect((await run('topology', 'apply')).code).to.equal(1);
  });

  it('dead list, show, replay, edit and discard work on collected dead letters and publish notices', async () => {
    await run('topology', 'apply');
    const publisher = broker.createPublisher();
    await publisher.ready();
    const good = deadLetterMessage({ orderId: 'good' });
    const bad = deadLetterMessage({ orderId: 'bad', amount: -1, code: 'contract.invalid_data' });
    const useless = deadLetterMessage({ orderId: 'useless', body: Buffer.from('rubbish'), code: 'contract.not_json' });
    await publishDeadLetters({ publisher, names }, good, bad, useless);
    await place.createStores('ops');
    expect((await run('dead', 'collect')).out).to.contain('Collected 3');

    const list = await json('dead', 'list', 'payment');
    expect(list.total).to.equal(3);
    const idOf = (subject: string): string =>
      list.items.find((item: { subject: string }) => item.subject === subject).id;
    expect((await json('dead', 'list', '--group')).items).to.have.length(3);
    const announced = await takeMessages(broker, names.queue('watcher'), 3);
    expect(announced.map(({ properties }) => properties.type)).to.deep.equal(Array(3).fill('message.dead_lettered'));

    const { out: shown } = await run('dead', 'show', idOf('order/good'));
    expect(shown)
      .to.contain('payment.process of order/good, for payment')
      .and.contain('dead-lettered)')
      .and.contain('"amount": 500')
      .and.match(/^exchange +events\.work$/m)
      .and.match(/^routing key +payment\.process$/m);
    expect((await json('dead', 'show', idOf('order/useless'), '--pii')).body).to.equal('rubbish');

    const looked = await run('dead', 'replay', '--all', '--dry-run');
    expect(looked.code).to.equal(1);
    expect(looked.said).to.contain('1 ready to be sent, 2 refused');
    expect((await json('dead', 'list')).total).to.equal(3);

    expect((await run('dead', 'replay', idOf('order/good'))).code).to.equal(0);
    const mended = await json('dead', 'edit', idOf('order/bad'), '--set', 'data.amount=1');
    expect(mended).to.include({ sent: true, key: bad.event.id });
    const sent = await takeMessages(broker, names.queue('payment'), 2);
    expect(sent.map(({ properties }) => properties.messageId)).to.have.members([good.event.id, mended.event.id]);
    expect(sent.every(({ properties }) => properties.contentType === CLOUDEVENTS_JSON)).to.equal(true);

    const replayedTo = new RegExp(
      `^replays +1, the last at [\\d:.TZ-]+ by .+ to the queue ${names.queue('payment')}: `,
      'm',
    );
    const unread = await run('dead', 'show', idOf('order/good'));
    expect(unread.out).to.match(replayedTo).and.contain('this machine cannot read whether payment handled it\n');
    const payment = await place.openStore('payment');
    const last = async (subject: string) => (await json('dead', 'show', idOf(subject))).lastReplay;
    expect(await last('order/good')).to.include({ worker: 'payment', outcome: 'not_handled' });
    for (const { id, source } of [good.event, mended.event])
      await payment.transaction((tx) => tx.markHandled({ consumer: 'payment', source, id }));
    await payment.close();
    expect((await run('dead', 'show', idOf('order/good'))).out)
      .to.match(replayedTo)
      .and.contain(': handled by payment\n');
    expect(await last('order/bad')).to.include({ queue: names.queue('payment'), outcome: 'handled' });
    expect(await last('order/useless')).to.equal(null);

    expect((await run('dead', 'discard', idOf('order/useless'), '--reason', 'noise')).out).to.contain('Discarded 1');
    expect((await json('dead', 'list')).total).to.equal(0);
    expect((await json('dead', 'list', '--state', 'all')).total).to.equal(3);
    expect((await run('dead', 'discard', idOf('order/useless'), '--undo')).code).to.equal(0);
    expect((await json('status')).items[0]).to.include({ worker: 'payment', dead: 1 });
    await publisher.close();
  });

  it('dead replay checks local stores for messages already handled and for closed work', async () => {
    await run('topology', 'apply');
    const publisher = broker.createPublisher();
    await publisher.ready();
    const closed = deadLetterMessage({ orderId: 'closed' });
    const handled = deadLetterMessage({ orderId: 'handled' });
    await publishDeadLetters({ publisher, names }, closed, handled);
    await place.createStores('ops');
    await run('dead', 'collect');
    await publisher.close();
    const core = await place.openStore('core');
    const { event } = deadLetterMessage({ orderId: 'closed', type: 'payment.processed' });
    await core.append(event.subject, 'any', [event]);
    await core.close();
    const payment = await place.openStore('payment');
    await payment.transaction((tx) => tx.markHandled({ consumer: 'payment', source: 'core', id: handled.event.id }));
    await payment.close();

    const { code, out } = await run('dead', 'replay', '--all', '--dry-run');
    expect(code).to.equal(1);
    expect(out)
      .to.match(/refused: .*closed.*--force/)
      .and.match(/ready: .*already handled it/);
    expect((await run('dead', 'replay', '--all', '--force')).code).to.equal(0);
    expect(await takeMessages(broker, names.queue('payment'), 2)).to.have.length(2);
  });

  it('exits with 2 on wrong usage, and with 1 for unknown ids', async () => {
    await place.createStores('ops');
    await run('topology', 'apply');
    for (const args of [
      ['dead', 'replay'],
      ['dead', 'replay', 'abc', '--worker', 'payment'],
      ['dead', 'discard', 'abc'],
      ['dead', 'edit', 'abc'],
      ['dead', 'list', '--since', 'once'],
      ['dead', 'list', '--state', 'odd'],
      ['dead', 'list', '--limit', '-1'],
      ['nonsense'],
    ]) {
      expect((await run(...args)).code, args.join(' ')).to.equal(2);
    }
    await writeFile(join(folder, 'half.json'), '{');
    expect((await run('dead', 'edit', 'abc', '--file', 'half.json')).code).to.equal(2);
    expect((await run('dead', 'show', 'abc')).code).to.equal(1);
  });

  it('retrying and unrouted list waiting messages and forward them', async () => {
    await run('topology', 'apply');
    const publisher = broker.createPublisher();
    await publisher.ready();
    const { body, properties } = deadLetterMessage();
    await publisher.publish({ exchange: '', routingKey: names.retry('payment', 3_600_000), body, properties });
    await publisher.publish({ exchange: names.events, routingKey: 'payment.lost', body, properties });
    await publisher.close();
    expect((await run('retrying', 'list')).out).to.match(/payment +1h +1 /);
    expect((await json('retrying', 'now', 'payment')).moved).to.equal(1);
    const listed = await run('unrouted', 'list');
    expect(listed.out).to.contain('COMMAND');
    expect(listed.said).to.contain('ALARM');
    expect(await json('unrouted', 'replay')).to.include({ sent: 1, unrouted: 1 });
    const alarming = await run('status');
    expect(alarming.out).to.contain('ALARM: commands that no worker binds: 1');
    expect(alarming.code).to.equal(1);
  });

  it('dead list shows stored dead letters while the broker is down', async () => {
    await place.createStores('ops');
    env['AMQP_URL'] = 'amqp://127.0.0.1:1';
    const { code, said } = await run('dead', 'list');
    expect(code).to.equal(0);
    expect(said)
      .to.match(/not counted: broker\.refused_connection: .*127\.0\.0\.1:1 \(AMQP_URL\).* Start the broker/)
      .and.contain('No dead letters.');
  });

  it('status exits with 1 and names process and reason while a process is not ready', async () => {
    await run('topology', 'apply');
    await place.createStores('ops');
    let ok = false;
    const server = createServer((request, response) => {
      const checks = { broker: { ok, detail: 'connecting' } };
      if (request.url === '/readyz') response.writeHead(ok ? 200 : 503).end(JSON.stringify({ checks }));
      else response.end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const startedAt = new Date().toISOString();
    const dir = join(folder, 'run');
    const remove = await registerProcess({
      dir,
      role: 'worker',
      workers: ['payment'],
      url,
      pid: process.pid,
      startedAt,
    });
    try {
      const failing = await run('status');
      expect(failing.out).to.contain(`payment (pid ${process.pid}`).and.contain('broker: connecting');
      expect(failing.code).to.equal(1);
      ok = true;
      expect(await run('status')).to.include({ code: 0, said: '' });
    } finally {
      await remove();
      server.close();
    }
  });

  it('compares no topology with settings that the running fleet does not have', async () => {
    await run('topology', 'apply');
    await place.createStores('ops');
    const registration = {
      dir: join(folder, 'run'),
      role: 'keeper' as const,
      workers: [],
      url: 'http://127.0.0.1:1',
      pid: process.pid,
      startedAt: new Date().toISOString(),
    };
    const settings = topologySettings(loadConfig(env));
    const remove = await registerProcess({ ...registration, settings });
    try {
      env['RETRY_DELAYS'] = '3s,7s';
      const line = "this shell's RETRY_DELAYS differs from the fleet's: 3s,7s here, not set in its processes";
      const { out } = await run('status');
      expect(out).to.contain(`WARNING: ${line}\n`).and.not.contain('ALARM').and.not.contain('Queue without use');
      expect((await run('topology', 'plan')).said).to.contain(line);
      const refused = await run('topology', 'remove', '--surplus');
      expect(refused.code).to.equal(2);
      expect(refused.said)
        .to.match(/^config\.invalid: /m)
        .and.contain(line);
      await registerProcess({ ...registration, settings: { ...settings, RETRY_DELAYS: '3s,7s' } });
      expect((await run('status')).out)
        .to.contain('ALARM: bindings are missing')
        .and.not.contain(line);
    } finally {
      await remove();
    }
  });

  it('status and doctor name the key of the fleet to a shell without a key', async () => {
    await run('topology', 'apply');
    await place.createStores('ops');
    expect((await run('status')).out).to.contain('WARNING: messages are not signed');
    const keys = parseFleetKeys('1'.repeat(32));
    const apply = async (wanted: Topology) => void (await broker.applyTopology(wanted));
    await registerKey(apply, names, keys, () => Promise.resolve());
    const line = `this fleet signs with key ${keys.current.id}; this shell has no key: set FLEET_KEY as in the processes`;
    expect((await run('status')).out)
      .to.contain(`WARNING: ${line}\n`)
      .and.not.contain('not signed');
    expect((await run('doctor')).out)
      .to.contain(`WARN signatures     ${line}\n`)
      .and.not.contain('forge');
  });

  it('status leaves the table out while neither the broker nor a process reports anything', async () => {
    await place.createStores('ops');
    env['AMQP_URL'] = 'amqp://127.0.0.1:1';
    env['AMQP_MANAGEMENT_URL'] = 'http://127.0.0.1:1';
    const { code, out, said } = await run('status');
    expect(code).to.equal(1);
    expect(out)
      .to.match(/^Broker amqp:\/\/127\.0\.0\.1:1: not reachable$/m)
      .and.contain('No process of the fleet runs on this machine.\nThe state of the queues is not known.\n')
      .and.not.contain('payment');
    expect(said).to.match(/^broker\.refused_connection: .* Start the broker \(`flotilla up`/m);
  });
});
