import { expect } from 'chai';
import { z } from 'zod';
import * as events from '../../src/cli/commands/events/index.js';
import { command, event, fromOutside } from '../../src/events/definition.js';
import { pii } from '../../src/events/personal.js';
import { baseCatalogue, catalogue } from '../../src/fleet/catalogue.js';
import { defineFleet } from '../../src/fleet/define-fleet.js';
import { runCommand } from '../support/command.js';

const types = catalogue(baseCatalogue, {
  'user.created': event({ 1: z.strictObject({ name: pii(z.string()), plan: z.enum(['free', 'paid']).optional() }) }),
  'mail.send': fromOutside(
    command({ 1: z.strictObject({ to: z.array(z.strictObject({ address: z.string() })) }) }),
    'crm',
  ),
});
const fleet = defineFleet({
  catalogue: types,
  workers: [
    types.defineWorker({
      name: 'mail',
      store: 'mailbox',
      emits: ['mail.send'],
      on: { 'user.created': () => undefined, 'mail.send': () => undefined },
    }),
  ],
  api: { store: 'core', emits: ['user.created'], routes: [] },
});

describe('flotilla events types', () => {
  const run = (...args: string[]) =>
    runCommand({ modules: [events], fleet, env: {}, cwd: process.cwd() }, ['events', 'types', ...args]);
  const described = async (...args: string[]) =>
    (JSON.parse((await run(...args, '--json')).out) as { items: { type: string }[] }).items;

  it('lists every type with its emitters and handlers', async () => {
    const { out, code } = await run();
    expect(code).to.equal(0);
    expect(out)
      .to.match(/^user\.created +event +1 +core +mail$/m)
      .and.match(/^mail\.send +command +1 +mailbox, crm +mail$/m)
      .and.match(/^message\.dead_lettered +event +1 +ops/m);
    expect((await described()).map(({ type }) => type)).to.deep.equal(Object.keys(types.definitions).sort());
  });

  it('prints the fields of the types that match a pattern', async () => {
    const { out } = await run('user.*');
    expect(out)
      .to.contain('user.created  event, version 1')
      .and.match(/^name +string +personal$/m)
      .and.match(/^plan +"free" \| "paid" +optional$/m)
      .and.not.contain('mail.send');
  });

  it('prints the same as JSON', async () => {
    expect(await described('mail.send')).to.deep.equal([
      {
        type: 'mail.send',
        kind: 'command',
        version: 1,
        emittedBy: ['mailbox'],
        handledBy: ['mail'],
        outside: ['crm'],
        fields: [
          { path: 'to', type: 'array of object', required: true, description: '', pii: false },
          { path: 'to[].address', type: 'string', required: true, description: '', pii: false },
        ],
      },
    ]);
  });

  it('refuses a pattern that matches no type', async () => {
    const { said, code } = await run('user.creatd');
    expect(said).to.contain('name.unknown').and.contain('user.created');
    expect(code).to.equal(1);
  });
});
