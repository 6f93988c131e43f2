import { randomUUID } from 'node:crypto';
import { connect, type ChannelModel, type ConfirmChannel } from 'amqplib';
import { expect } from 'chai';
import { HEADERS } from '../../src/broker/messages/headers.js';
import type { Names } from '../../src/broker/topology/topology.js';
import * as dead from '../../src/cli/commands/dead/index.js';
import * as doctor from '../../src/cli/commands/doctor/index.js';
import * as events from '../../src/cli/commands/events/index.js';
import * as replay from '../../src/cli/commands/replay/index.js';
import * as retrying from '../../src/cli/commands/retrying.js';
import * as sagas from '../../src/cli/commands/sagas/index.js';
import * as status from '../../src/cli/commands/status/index.js';
import * as streams from '../../src/cli/commands/streams/index.js';
import * as topology from '../../src/cli/commands/topology/index.js';
import * as unrouted from '../../src/cli/commands/unrouted.js';
import { CLOUDEVENTS_JSON } from '../../src/events/envelope.js';
import { defineFleet } from '../../src/fleet/define-fleet.js';
import { deadLetterMessage, payments } from '../dead-letters/support/dead-letter-fixture.js';
import { runCommand } from '../support/command.js';
import { openFleetPlace, type FleetPlace } from '../support/fleet-place.js';
import { expectSafe, UNSAFE_TEXT } from '../support/unsafe-text.js';

const fleet = defineFleet({
  catalogue: payments,
  workers: [
    payments.defineWorker({ name: 'payment', on: { 'payment.process': () => undefined }, retry: { delays: ['1h'] } }),
  ],
  api: { store: 'payment', routes: [] },
});
const modules = [dead, doctor, events, replay, retrying, sagas, status, streams, topology, unrouted];

describe('commands that print untrusted input', function () {
  this.timeout(120_000);
  let connection: ChannelModel;
  let channel: ConfirmChannel;
  let place: FleetPlace;
  let folder: string;
  let names: Names;
  let env: NodeJS.ProcessEnv;

  before(async () => {
    place = await openFleetPlace();
    ({ folder, env, names } = place);
    connection = await connect(place.amqpUrl);
    channel = await connection.createConfirmChannel();
    await place.createStores('ops', 'payment');
    expect((await runCommand({ modules, fleet, env, cwd: folder }, ['topology', 'apply'])).code).to.equal(0);
    await publishAll();
    expect((await run('dead', 'collect')).out).to.equal('Collected 4.\n');
  });
  after(async () => {
    await connection.close();
    await place.remove();
  });

  async function publishAll(): Promise<void> {
    const attempt = { at: UNSAFE_TEXT, worker: UNSAFE_TEXT, instance: UNSAFE_TEXT, code: UNSAFE_TEXT };
    const properties = {
      type: UNSAFE_TEXT,
      messageId: UNSAFE_TEXT,
      appId: UNSAFE_TEXT,
      correlationId: UNSAFE_TEXT,
      contentType: CLOUDEVENTS_JSON,
    };
    const headers = {
      [HEADERS.subject]: UNSAFE_TEXT,
      [HEADERS.errorCode]: UNSAFE_TEXT,
      [HEADERS.errorMessage]: UNSAFE_TEXT,
      [HEADERS.attempts]: JSON.stringify([{ ...attempt, name: UNSAFE_TEXT, message: UNSAFE_TEXT, delay: 1 }]),
      [UNSAFE_TEXT]: UNSAFE_TEXT,
    };
    const { event } = deadLetterMessage();
    const bodies = [
      UNSAFE_TEXT,
      JSON.stringify({ ...event, subject: 'order/1' }),
      JSON.stringify({ ...event, subject: 'order/1', note: `${UNSAFE_TEXT}\ud800` }),
      JSON.stringify({ ...event, subject: 'order/1', data: UNSAFE_TEXT.repeat(10_000) }),
    ];
    for (const body of bodies) {
      const deadLetter = { ...headers, [HEADERS.deadLetterId]: randomUUID() };
      channel.publish(names.deadLetters, 'payment', Buffer.from(body), { ...properties, headers: deadLetter });
      channel.publish(names.events, `a.${UNSAFE_TEXT}`, Buffer.from(body), { ...properties, headers });
    }
    // as a worker of that name stores it
    await channel.assertQueue(names.dead(UNSAFE_TEXT), { durable: true, arguments: { 'x-queue-type': 'quorum' } });
    await channel.waitForConfirms();
  }

  const run = (...args: string[]) => runCommand({ modules, fleet, env, cwd: folder }, args);

  it('print no control characters and no forged lines, as tables, details or JSON', async () => {
    const { items } = JSON.parse((await run('dead', 'list', '--json')).out) as { items: { id: string }[] };
    const announced = JSON.parse((await run('events', 'list', '--json')).out) as { items: { id: string }[] };
    expect(items).to.have.length(4);
    expect(announced.items).to.have.length(4);
    const commands = [
      ['dead', 'list'],
      ['dead', 'list', '--group'],
      ['dead', 'list', '--search', UNSAFE_TEXT.slice(0, 3)],
      ['dead', 'replay', '--all', '--dry-run'],
      ['dead', 'show', UNSAFE_TEXT],
      ['dead', 'list', '--worker', UNSAFE_TEXT],
      ...items.flatMap(({ id }) => [
        ['dead', 'show', id],
        ['dead', 'show', id, '--pii'],
        ['dead', 'edit', id, '--set', `data.orderId=${UNSAFE_TEXT}`, '--set', 'data.amount=1', '--dry-run'],
        ['dead', 'edit', id, '--set', `${UNSAFE_TEXT}=1`, '--dry-run'],
      ]),
      ['events', 'list'],
      ...announced.items.map(({ id }) => ['events', 'show', id]),
      ['events', 'list', '--type', UNSAFE_TEXT],
      ['unrouted', 'list'],
      ['retrying', 'list'],
      ['retrying', 'list', UNSAFE_TEXT],
      ['topology', 'plan'],
      ['topology', 'remove', '--surplus'],
      ['topology', 'remove', UNSAFE_TEXT],
      ['status'],
      ['doctor'],
      ['sagas', 'show', UNSAFE_TEXT],
      ['streams', 'show', UNSAFE_TEXT],
      ['replay', '--to', UNSAFE_TEXT],
      [UNSAFE_TEXT],
      ['dead', 'list', '--limit', UNSAFE_TEXT],
    ];
    let escapes = 0;
    for (const args of commands) {
      for (const json of args[0] === 'replay' ? [[]] : [[], ['--json']]) {
        const { out, said } = await run(...args, ...json);
        const name = [...args, ...json].join(' ').slice(0, 60);
        expectSafe(name, out);
        expectSafe(name, said);
        if (out.includes('\\u001b') || said.includes('\\u001b')) escapes += 1;
        if (json.length > 0 && out !== '') JSON.parse(out);
        else for (const line of out.split('\n')) expect(line.length, name).to.be.below(20_000);
      }
    }
    expect(escapes).to.be.above(25);
  });
});
