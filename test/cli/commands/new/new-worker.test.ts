import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { parse } from 'yaml';
import fleet from '../../../../config/fleet.js';
import { FlotillaError } from '../../../../src/errors.js';
import { defineFleet } from '../../../../src/fleet/define-fleet.js';
import { isPlainName } from '../../../../src/text/plain-name.js';
import { platform } from '../../../../platform/catalogue.js';
import { RESERVED_NAMES } from '../../../../src/fleet/reserved-names.js';
import { namesFor } from '../../../../src/broker/topology/topology.js';
import { UsageError } from '../../../../src/cli/shared/failure.js';
import { namesOf } from '../../../../src/cli/commands/new/names.js';
import { samplesOf } from '../../../../src/cli/commands/new/sample-data.js';
import { newWorker } from '../../../../src/cli/commands/new/new-worker.js';

const root = fileURLToPath(new URL('../../../..', import.meta.url));
const { definitions } = fleet.catalogue;

/** A folder that contains only a catalogue. */
async function emptyFleet(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'flotilla-fleet-'));
  await mkdir(join(folder, 'platform'));
  await writeFile(join(folder, 'platform/catalogue.ts'), '');
  return folder;
}

describe('new worker', () => {
  it('adds one line to workers/index.ts, or prints the change to make in config/fleet.ts', async () => {
    const folder = await emptyFleet();
    const add = (name: string) => newWorker({ root: folder, packageRoot: root, name, fleet });
    try {
      const { files, byHand } = await add('first');
      expect(files).to.deep.equal(['workers/first/index.ts', 'test/workers/first.test.ts']);
      expect(byHand).to.deep.equal([
        `Add to config/fleet.ts: import first from '../workers/first/index.ts';`,
        'Add to its workers: first',
      ]);
      await writeFile(join(folder, 'workers/index.ts'), `export { default as first } from './first/index.ts';`);
      expect(await add('new')).to.deep.include({ byHand: [] });
      expect(await readFile(join(folder, 'workers/index.ts'), 'utf8')).to.equal(
        `export { default as first } from './first/index.ts';\nexport { default as newWorker } from './new/index.ts';\n`,
      );
      await writeFile(join(folder, 'workers/index.ts'), `export { default as third } from './other/index.ts';\n`);
      expect(await add('third').catch((error: unknown) => error)).to.be.instanceOf(UsageError);
      expect(existsSync(join(folder, 'workers/third'))).to.equal(false);
      await rm(join(folder, 'platform'), { recursive: true });
      const refused: unknown = await add('fourth').catch((error: unknown) => error);
      expect(refused).to.be.instanceOf(UsageError).with.property('message').that.contains('platform/catalogue.ts');
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('refuses an invalid name, a name in use and an unknown type before it writes anything', async () => {
    for (const name of ['Loyalty', '../x', '', 'a--b', '1a']) {
      expect(() => namesOf(name), name).to.throw(UsageError);
    }
    expect(() => samplesOf(definitions, ['no.such'])).to.throw(FlotillaError, 'there is no type "no.such"');
    expect(() => samplesOf(definitions, ['train.*'])).to.throw(FlotillaError, 'there is no type "train.*"');
    expect(() => samplesOf(definitions, ['payment.process'])).to.throw(UsageError, 'command');
    expect(() => samplesOf(definitions, ['*.process'])).to.throw(UsageError, 'commands alone');
    expect(() => samplesOf(definitions, ['order.*', '*.created'])).to.throw(UsageError, 'neither is more specific');
    expect(() => samplesOf(definitions, ['order.created@9'])).to.throw(UsageError, 'its versions: 1, 2');
    expect(() => samplesOf(definitions, ['order.*@1'])).to.throw(UsageError, 'is a wildcard');
    expect(() => samplesOf(definitions, ['no.such@1'])).to.throw(FlotillaError, 'there is no type "no.such"');
  });

  it('refuses the names of other parts of the fleet before it writes anything', async () => {
    const compose = parse(await readFile(join(root, 'docker-compose.yml'), 'utf8'), { merge: true }) as {
      services: object;
      volumes: object;
    };
    const names = [
      ...Object.keys(compose.services),
      ...Object.keys(compose.volumes),
      ...Object.values(namesFor('')).filter((name) => typeof name === 'string' && !name.includes('.')),
      ...['up', 'payment-2'],
    ];
    expect(names).to.include.members(['ops', 'api', 'core', 'keeper', 'sandbox', 'rabbitmq', 'events', 'dead-letters']);
    const copy = await mkdtemp(join(tmpdir(), 'flotilla-names-'));
    for (const file of ['config/fleet.ts', 'docker-compose.yml']) await cp(join(root, file), join(copy, file));
    for (const name of names) {
      const error: unknown = await newWorker({ root: copy, packageRoot: root, name: String(name), fleet }).catch(
        (e: unknown) => e,
      );
      expect(error, String(name)).to.be.instanceOf(UsageError);
    }
    expect(await readdir(copy)).to.have.members(['config', 'docker-compose.yml']);
    await rm(copy, { recursive: true, force: true });
    for (const name of RESERVED_NAMES)
      if (isPlainName(name)) {
        const worker = platform.defineWorker({ name, on: { 'user.created': () => undefined } });
        expect(() => defineFleet({ ...fleet, workers: [...fleet.workers, worker] }), name).to.throw(
          FlotillaError,
          'reserved',
        );
      }
    const sharer = platform.defineWorker({ name: 'sharer', store: 'ops', on: { 'user.created': () => undefined } });
    expect(() => defineFleet({ ...fleet, workers: [...fleet.workers, sharer] })).to.throw(FlotillaError, 'ops');
  });

  it('creates valid example data for every event of the platform', () => {
    for (const [type, { kind }] of Object.entries(definitions)) {
      if (kind === 'event') expect(samplesOf(definitions, [type])[0]?.type).to.equal(type);
    }
    for (const pattern of ['#', '*.created', 'order.*']) expect(samplesOf(definitions, [pattern])).to.have.length(1);
    expect(samplesOf(definitions, [])[0]?.type).to.equal('user.created');
  });
});
