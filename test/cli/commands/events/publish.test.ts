import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fleet from '../../../../config/fleet.js';
import * as events from '../../../../src/cli/commands/events/index.js';
import { runCommand } from '../../../support/command.js';

describe('events publish', () => {
  let cwd: string;
  before(async () => {
    cwd = await mkdtemp(join(tmpdir(), 'flotilla-publish-'));
  });
  after(() => rm(cwd, { recursive: true, force: true }));

  const publish = (...args: string[]) =>
    runCommand({ modules: [events], fleet, env: {}, cwd }, ['events', 'publish', ...args]);

  it('refuses data that is not JSON, an unknown type, and a source that workers would reject', async () => {
    expect(await publish('user.created', '{')).to.include({ code: 2, out: '' });
    const unknown = await publish('user.creatd', '{}');
    expect(unknown).to.include({ code: 1, out: '' });
    expect(unknown.said).to.contain('name.unknown').and.contain('user.created');
    const foreign = await publish('payment.processed', '{}');
    expect(foreign).to.include({ code: 2, out: '' });
    expect(foreign.said).to.contain('payment.processed from').and.contain('payment').and.contain('--source');
    const { said } = await publish('message.replayed', '{}', '--source', 'payment');
    expect(said).to.contain('from ops only; add --source ops');
  });

  it('reports data that its schema rejects, and how to list the fields, without a broker', async () => {
    const { code, said, out } = await publish('user.created', '{"name": 1}', '--source', 'core');
    expect(said).to.match(/^contract\.invalid_data: .*name.*`flotilla events types <type>` lists its fields/);
    expect({ code, out }).to.deep.equal({ code: 1, out: '' });
  });

  it('requires a configured broker or a running fleet', async () => {
    const { code, said } = await publish('email.send_welcome', '{"userId": "u1"}', '--source', 'email');
    expect(said).to.contain('broker.not_configured');
    expect(code).to.equal(2);
  });
});
