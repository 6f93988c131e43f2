import { dirname } from 'node:path';
import { expect } from 'chai';
import * as quarantine from '../../../src/cli/commands/quarantine/index.js';
import * as status from '../../../src/cli/commands/status/index.js';
import { readDeadLetter } from '../../../src/dead-letters/keeper/read-dead-letter.js';
import { defineFleet } from '../../../src/fleet/define-fleet.js';
import { peekQueue } from '../../../src/queues/peek-queue.js';
import { runCommand } from '../../support/command.js';
import { eventually } from '../../support/eventually.js';
import { testBroker } from '../../support/rabbitmq.js';
import { catalogues, openReleases, walker, type Releases } from '../../worker/quarantine/support/releases.js';

const fleet = defineFleet({
  catalogue: catalogues.older,
  workers: [catalogues.older.defineWorker({ name: 'walker', on: { 'step.*': () => undefined } })],
});

describe('flotilla quarantine', function () {
  this.timeout(60_000);
  let releases: Releases;
  let env: NodeJS.ProcessEnv;

  beforeEach(async () => {
    releases = await openReleases('rabbitmq');
    const { amqpUrl, managementUrl } = await testBroker();
    env = {
      AMQP_URL: amqpUrl,
      AMQP_MANAGEMENT_URL: managementUrl,
      FLOTILLA_PREFIX: releases.prefix,
      DATA_DIR: dirname(releases.path),
    };
  });
  afterEach(() => releases.close());

  const run = (...args: string[]) =>
    runCommand({ modules: [quarantine, status], fleet, env, cwd: env.DATA_DIR ?? '' }, args);

  /** A worker of the older release, with `a 1` and `b 1` in quarantine, and `a 2`, which it could read, behind. */
  async function quarantineThree() {
    const older = await releases.start(walker('older'));
    await releases.publish('a', 1);
    await releases.publish('b', 1, { type: 'step.added' });
    await eventually('two are quarantined', async () => (await releases.rows()).length === 2);
    await releases.publish('a', 2, { version: 1 });
    await eventually('three are quarantined', async () => (await releases.ready(releases.names.newer('walker'))) === 3);
    return older;
  }

  it('lists what waits, by type, version and reason; status shows it too', async () => {
    await quarantineThree();
    const listed = await run('quarantine', 'list', '--json');
    const { items, total } = JSON.parse(listed.out) as { items: Record<string, unknown>[]; total: number };
    expect(total).to.equal(3);
    expect(
      items.map(({ worker, type, version, reason, count }) => [worker, type, version, reason, count]),
    ).to.have.deep.members([
      ['walker', 'step.taken', 2, 'newer_version', 1],
      ['walker', 'step.added', 1, 'unknown_type', 1],
      ['walker', 'step.taken', 1, 'behind', 1],
    ]);
    expect((await run('quarantine', 'list', 'walker')).out).to.match(/walker +step\.taken +2 +1 .*newer version/);
    const ofSubject = (await run('quarantine', 'list', '--subject', 'b')).out;
    expect(ofSubject)
      .to.match(/walker +step\.added +1 +1 .*unknown type/)
      .and.not.contain('step.taken');
    const ofNone = await run('quarantine', 'list', '--subject', 'c');
    expect(ofNone).to.include({ code: 0, out: '' });
    expect(ofNone.said).to.contain('Nothing of c is quarantined.');
    const shown = await run('status');
    expect(shown.out)
      .to.contain('QUARANTINE: messages wait')
      .and.match(/ {2}walker: step\.taken 2: 1, oldest/);
  });

  it('releases to the queue of the worker; what it cannot read returns', async () => {
    const older = await quarantineThree();
    await older.end();
    expect((await run('quarantine', 'release', 'walker')).out).to.equal('Moved 3.\n');
    expect(await releases.ready(releases.names.newer('walker'))).to.equal(0);
    await releases.start(walker('older'));
    await eventually('all are back', async () => (await releases.ready(releases.names.newer('walker'))) === 3);
    expect(await releases.walked()).to.deep.equal([]);
  });

  it('rejects a version to the dead letters, so that messages behind it are handled', async () => {
    await quarantineThree();
    const rejected = await run('quarantine', 'reject', 'walker', '--type', 'step.taken@2');
    expect(rejected.out).to.equal('Moved 1.\n');
    await eventually('the one behind is handled', async () => (await releases.walked()).join() === 'a step.taken 2');
    const signal = AbortSignal.timeout(10_000);
    const dead = await peekQueue(releases.broker, releases.names.dead('walker'), { count: 10, limit: 10_000, signal });
    const letters = dead.messages.map((message) =>
      readDeadLetter(message, 'walker', catalogues.older.definitions, Date.now()),
    );
    expect(letters).to.have.length(1);
    expect(letters[0]).to.include({ code: 'contract.newer_version', subject: 'a', type: 'step.taken' });
    expect((await releases.rows()).map(({ type }) => type)).to.deep.equal(['step.added']);
  });

  it('refuses a worker that the fleet does not have, and what is not a version', async () => {
    const { code, said } = await run('quarantine', 'reject', 'walkers');
    expect(code).to.equal(1);
    expect(said).to.contain('name.unknown');
    const wrong = await run('quarantine', 'reject', 'walker', '--type', 'step.taken@new');
    expect(wrong).to.include({ code: 2, out: '' });
    expect(wrong.said).to.contain('"new" is not a version of step.taken');
  });
});
