import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { baseCatalogue, catalogue, command, event } from 'flotilla';
import { z } from 'zod';
import * as newCommands from '../../../../src/cli/commands/new/index.js';
import { newEvent } from '../../../../src/cli/commands/new/new-event.js';
import { newVersion } from '../../../../src/cli/commands/new/new-version.js';
import { UsageError } from '../../../../src/cli/shared/failure.js';
import { defineFleet } from '../../../../src/fleet/define-fleet.js';
import { runCommand } from '../../../support/command.js';

const root = fileURLToPath(new URL('../../../..', import.meta.url));
const types = catalogue(baseCatalogue, {
  'visitor.arrived': event({ 1: z.strictObject({ name: z.string() }) }),
  'visitor.count': command({ 1: z.strictObject({}) }),
});
const greeter = types.defineWorker({ name: 'greeter', on: { 'visitor.count': () => undefined } });
const fleet = defineFleet({ catalogue: types, workers: [greeter] });

const source = `import { baseCatalogue, catalogue, event } from 'flotilla';
import { z } from 'zod';

export const platform = catalogue(baseCatalogue, {
  'visitor.arrived': event({ 1: z.strictObject({ name: z.string() }) }),
});
`;

describe('new event and new version', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'flotilla-new-event-'));
    await mkdir(join(folder, 'platform'));
    await writeFile(join(folder, 'platform/catalogue.ts'), source);
    await mkdir(join(folder, 'node_modules'));
    await symlink(join(root, 'node_modules/typescript'), join(folder, 'node_modules/typescript'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const place = () => ({ root: folder, packageRoot: root, fleet });
  const add = (type: string, options: { kind?: 'event' | 'command'; worker?: string } = {}) =>
    newEvent({ ...place(), type, kind: 'event', ...options });
  const refusal = async (work: Promise<unknown>) => {
    const error: unknown = await work.catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(Error);
    expect(await readdir(folder, { recursive: true })).not.to.include.members(['schemas']);
    expect(await readFile(join(folder, 'platform/catalogue.ts'), 'utf8')).to.equal(source);
    return (error as Error).message;
  };

  it('declare a type in the catalogue of a project without prettier', async () => {
    await add('parcel.collect', { kind: 'command' });
    expect(await readFile(join(folder, 'platform/catalogue.ts'), 'utf8')).to.equal(
      source
        .replace('catalogue, event }', 'catalogue, command, event }')
        .replace('\n});', `\n  'parcel.collect': command({ 1: z.strictObject({ parcelId: z.string() }) }),\n});`),
    );
    expect(existsSync(join(folder, 'workers/parcel/index.ts'))).to.equal(true);
  });

  it('declare a version with an upcaster in place', async () => {
    await newVersion({ ...place(), type: 'visitor.arrived' });
    expect(await readFile(join(folder, 'platform/catalogue.ts'), 'utf8')).to.contain(
      [
        `  'visitor.arrived': event({`,
        `    1: z.strictObject({ name: z.string() }),`,
        `    2: z.strictObject({ name: z.string() }),`,
        `  }, { 1: (data) => data }),`,
      ].join('\n'),
    );
  });

  it('report a name that is easily confused with another', async () => {
    const { byHand } = await add('visitors.arrived');
    expect(byHand[0]).to.equal('Its name is easily confused with visitor.arrived.');
  });

  it('refuse invalid and known names, and write nothing', async () => {
    for (const type of ['Visitor.left', 'visitor', 'a.b.c.d', 'visitor.*']) {
      expect(await refusal(add(type)), type).to.contain('two or three dotted lower-case words');
    }
    expect(await refusal(add('visitor.arrived'))).to.contain('flotilla new version visitor.arrived');
    expect(await refusal(newVersion({ ...place(), type: 'visitor.arived' }))).to.contain('visitor.arrived');
    expect(await refusal(newVersion({ ...place(), type: 'message.replayed' }))).to.contain('by hand');
    expect(await refusal(add('parcel.collect', { kind: 'command', worker: 'greeter' }))).to.contain(
      'workers/greeter/index.ts has no defineWorker',
    );
    expect(await refusal(add('keeper.start', { kind: 'command' }))).to.contain('reserved');
    const { code, said } = await runCommand({ modules: [newCommands], fleet, env: {}, cwd: folder }, [
      ...['new', 'event', 'parcel.left', '--worker', 'greeter'],
    ]);
    expect(code).to.equal(2);
    expect(said).to.contain('--worker belongs to --command');
  });

  it('refuse a project without a compiler or a catalogue', async () => {
    await rm(join(folder, 'node_modules'), { recursive: true });
    await writeFile(join(folder, 'package.json'), '{}');
    expect(await refusal(add('parcel.left'))).to.contain('npm install --save-dev typescript');
    await mkdir(join(root, 'node_modules/.cache'), { recursive: true });
    const empty = await mkdtemp(join(root, 'node_modules/.cache/flotilla-empty-'));
    try {
      const error: unknown = await newEvent({ ...place(), root: empty, type: 'parcel.left', kind: 'event' }).catch(
        (reason: unknown) => reason,
      );
      expect(error).to.be.instanceOf(UsageError).with.property('message').that.contains('platform/catalogue.ts');
    } finally {
      await rm(empty, { recursive: true });
    }
  });
});
