import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { z } from 'zod';
import { baseCatalogue, catalogue } from '../../../../src/fleet/catalogue.js';
import * as dead from '../../../../src/cli/commands/dead/index.js';
import * as topology from '../../../../src/cli/commands/topology/index.js';
import { HEADERS, textHeader } from '../../../../src/broker/messages/headers.js';
import type { Names } from '../../../../src/broker/topology/topology.js';
import { command } from '../../../../src/events/definition.js';
import { HIDDEN, pii } from '../../../../src/events/personal.js';
import { defineFleet } from '../../../../src/fleet/define-fleet.js';
import { publishDeadLetters, deadLetterMessage } from '../../../dead-letters/support/dead-letter-fixture.js';
import { runCommand } from '../../../support/command.js';
import { openFleetPlace, type FleetPlace } from '../../../support/fleet-place.js';

const types = catalogue(baseCatalogue, {
  'payment.process': command({
    1: z.strictObject({ orderId: z.string(), amount: z.int(), payer: pii(z.string()).optional() }),
  }),
});
const fleet = defineFleet({
  catalogue: types,
  workers: [
    types.defineWorker({ name: 'payment', on: { 'payment.process': () => undefined }, retry: { delays: ['1h'] } }),
  ],
});

describe('personal data in dead letters', function () {
  this.timeout(90_000);
  let place: FleetPlace;
  let folder: string;
  let names: Names;
  let env: NodeJS.ProcessEnv;
  const ids: Record<string, string> = {};

  const run = (...args: string[]) => runCommand({ modules: [dead, topology], fleet, env, cwd: folder }, args);

  before(async () => {
    place = await openFleetPlace();
    ({ folder, env, names } = place);
    await place.createStores('ops');
    await run('topology', 'apply');
    const broker = await place.connect();
    const publisher = broker.createPublisher();
    await publisher.ready();
    const { event } = deadLetterMessage();
    const bodyOf = (data: object) => Buffer.from(JSON.stringify({ ...event, data }));
    // as written by an earlier version or a program in another language
    const message = 'POST https://pay.example/?key=k1 for ada@example.org failed';
    const letters = {
      valid: deadLetterMessage({ message, body: bodyOf({ orderId: 'o1', amount: 5, payer: 'Ada Lovelace' }) }),
      invalid: deadLetterMessage({ message, body: bodyOf({ orderId: 'o2', payar: 'Ada Lovelace' }) }),
      text: deadLetterMessage({ message, body: Buffer.from('call Ada Lovelace') }),
    };
    await publishDeadLetters({ publisher, names }, ...Object.values(letters));
    await publisher.close();
    await run('dead', 'collect');
    for (const [name, { properties }] of Object.entries(letters)) {
      ids[name] = textHeader(properties.headers, HEADERS.deadLetterId) ?? '';
    }
  });
  after(() => place.remove());

  for (const name of ['valid', 'invalid', 'text']) {
    it(`dead show hides it, and shows it with --pii: ${name}`, async () => {
      for (const json of [[], ['--json']]) {
        const masked = await run('dead', 'show', ids[name] ?? '', ...json);
        expect(masked.code).to.equal(0);
        expect(masked.out)
          .to.contain(HIDDEN)
          .and.not.match(/Lovelace|ada@|key=k1/);
        expect((await run('dead', 'show', ids[name] ?? '', '--pii', ...json)).out).to.contain('Ada Lovelace');
      }
      expect((await run('dead', 'show', ids[name] ?? '')).said).to.contain('--pii');
    });
  }

  it('fields that are not personal are shown', async () => {
    const { out } = await run('dead', 'show', ids['valid'] ?? '', '--json');
    expect(JSON.parse(out))
      .to.have.nested.property('body.data')
      .deep.equal({ orderId: 'o1', amount: 5, payer: HIDDEN });
  });

  it('dead list prints it in no error', async () => {
    const { out } = await run('dead', 'list', '--search', 'Lovelace', '--json');
    expect(JSON.parse(out)).to.include({ total: 3 });
    expect(out).not.to.match(/Lovelace|ada@|key=k1/);
  });

  it('dead edit hides it, and shows it with --pii', async () => {
    const edit = ['dead', 'edit', ids['valid'] ?? '', '--set', 'data.amount=7', '--dry-run'];
    for (const json of [[], ['--json']]) {
      expect((await run(...edit, ...json)).out)
        .to.contain('"amount": 7')
        .and.not.contain('Lovelace');
      expect((await run(...edit, '--pii', ...json)).out).to.contain('Ada Lovelace');
    }
  });

  it('dead edit refuses an event printed without --pii, so that placeholders do not replace the values', async () => {
    const file = join(folder, 'event.json');
    const { body } = JSON.parse((await run('dead', 'show', ids['valid'] ?? '', '--json')).out);
    await writeFile(file, JSON.stringify(body));
    for (const change of [
      ['--file', file],
      ['--set', `data.payer=${HIDDEN}`],
    ]) {
      const { code, said } = await run('dead', 'edit', ids['valid'] ?? '', ...change, '--dry-run');
      expect(code).to.equal(2);
      expect(said).to.contain('--pii');
    }
  });
});
