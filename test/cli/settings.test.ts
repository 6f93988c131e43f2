import { expect } from 'chai';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { baseCatalogue, catalogue } from 'flotilla';
import { defineRoute } from 'flotilla/http';
import { register as registerConfig } from '../../src/cli/commands/config.js';
import { register as registerDoctor } from '../../src/cli/commands/doctor/index.js';
import { register as registerUp } from '../../src/cli/commands/up.js';
import { defineFleet } from '../../src/fleet/define-fleet.js';
import { runCommand } from '../support/command.js';

const greeting = (word: string) =>
  defineRoute({ method: 'get', path: `/${word}`, handler: () => Promise.resolve({ status: 200 }) });

const settings = z.object({ greeting: z.enum(['hello', 'moin']).default('moin') });

const fleet = defineFleet({
  catalogue: catalogue(baseCatalogue, {}),
  workers: [],
  api: { store: 'core', settings, routes: (given) => [greeting(given.greeting)] },
});

describe('the settings of an API', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'flotilla-settings-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const run = (env: NodeJS.ProcessEnv, ...args: string[]) =>
    runCommand(
      {
        modules: [{ register: registerConfig }, { register: registerDoctor }, { register: registerUp }],
        fleet,
        env: { DATA_DIR: folder, ...env },
        cwd: folder,
        stop: AbortSignal.abort(), // a command that starts a process ends it immediately
      },
      args,
    );

  it('determine the routes that it serves', () => {
    expect(fleet.api?.routes({ greeting: 'hello' }).map(({ path }) => path)).to.deep.equal(['/hello']);
    expect(fleet.api?.routes({}).map(({ path }) => path)).to.deep.equal(['/moin']);
  });

  it('are optional', () => {
    const plain = defineFleet({
      catalogue: catalogue(baseCatalogue, {}),
      workers: [],
      api: { store: 'core', routes: [greeting('hello')] },
    });
    expect(plain.api?.routes({}).map(({ path }) => path)).to.deep.equal(['/hello']);
  });

  it('are shown by config show', async () => {
    const { out } = await run({}, 'config', 'show', '--json');
    const { items } = JSON.parse(out) as { items: unknown[] };
    expect(items).to.deep.include({ variable: 'GREETING', value: 'moin', from: 'default' });
  });

  it('are checked by doctor', async () => {
    const { out } = await run({ GREETING: 'tach' }, 'doctor', '--json');
    const { items } = JSON.parse(out) as { items: { name: string; ok: boolean; detail: string }[] };
    const found = items.find(({ name }) => name === 'fleet');
    expect(found).to.include({ ok: false });
    expect(found?.detail).to.contain('GREETING of the API');
  });

  it('are checked before anything starts', async () => {
    const { code, said } = await run({ GREETING: 'tach' }, 'up');
    expect(code).to.equal(2);
    expect(said)
      .to.contain('config.invalid')
      .and.contain('GREETING of the API')
      .and.contain('hello')
      .and.contain('moin');
  });
});
