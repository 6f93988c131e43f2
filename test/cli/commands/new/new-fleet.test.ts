import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { parse } from 'yaml';
import { newFleet } from '../../../../src/cli/commands/new/new-fleet.js';
import { exitCodeOf } from '../../../../src/cli/shared/failure.js';
import { FlotillaError } from '../../../../src/errors.js';

const root = fileURLToPath(new URL('../../../..', import.meta.url));

describe('new fleet', () => {
  let parent: string;
  before(async () => {
    parent = await mkdtemp(join(tmpdir(), 'flotilla-new-fleet-'));
  });
  after(() => rm(parent, { recursive: true, force: true }));

  const create = (folder: string, packageRoot = root) => newFleet({ folder: join(parent, folder), packageRoot });
  const codeOf = async (created: Promise<unknown>) => {
    const error: unknown = await created.catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(FlotillaError);
    expect(exitCodeOf(error)).to.equal(2);
    return (error as FlotillaError).code;
  };

  it('creates a fleet with the code of examples/hello-worker', async () => {
    const files = await create('shop');
    expect(files).to.have.members([
      ...['.env.example', '.gitignore', 'README.md', 'docker-compose.yml', 'package.json', 'tsconfig.json'],
      ...['config/fleet.ts', 'platform/catalogue.ts', 'workers/index.ts', 'workers/greeter/index.ts'],
      'test/workers/greeter.test.ts',
    ]);
    const example = join(root, 'examples/hello-worker');
    const code = files.filter((file) => file.endsWith('.ts'));
    const ofExample = (await readdir(example, { recursive: true })).filter((file) => file.endsWith('.ts'));
    expect(code).to.have.members(ofExample);
    for (const file of code) {
      expect(await readFile(join(parent, 'shop', file), 'utf8'), file).to.equal(
        await readFile(join(example, file), 'utf8'),
      );
    }
  });

  it('replaces every placeholder with its own name and the tested dependency versions', async () => {
    await create('bakery');
    const read = (file: string) => readFile(join(parent, 'bakery', file), 'utf8');
    for (const file of await readdir(join(root, 'templates/fleet'))) {
      const made = { gitignore: '.gitignore', 'env.example': '.env.example' }[file] ?? file;
      expect(await read(made), made).not.to.contain('{{');
    }
    const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
      devDependencies: Record<string, string>;
    };
    expect(JSON.parse(await read('package.json'))).to.deep.include({
      name: 'bakery',
      dependencies: {
        flotilla: `file:${relative(join(parent, 'bakery'), root)}`,
        zod: `^${manifest.devDependencies.zod}`,
      },
    });
    expect(parse(await read('docker-compose.yml'))).to.deep.include({ name: 'bakery' });
  });

  it('depends on the version of an installed library, or on the tarball that it was installed from', async () => {
    const modules = join(parent, 'app', 'node_modules');
    await mkdir(modules, { recursive: true });
    const installed = join(modules, 'flotilla');
    for (const part of ['package.json', 'templates', 'examples']) {
      await cp(join(root, part), join(installed, part), { recursive: true });
    }
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
    const specOf = async (folder: string, resolved?: string) => {
      const packages = { 'node_modules/flotilla': { version, ...(resolved !== undefined && { resolved }) } };
      await writeFile(join(modules, '.package-lock.json'), JSON.stringify({ packages }));
      await create(folder, installed);
      const made = JSON.parse(await readFile(join(parent, folder, 'package.json'), 'utf8')) as {
        dependencies: Record<string, string>;
      };
      return made.dependencies.flotilla;
    };
    expect(await specOf('released')).to.equal(`^${version}`);
    expect(await specOf('packed', 'file:../flotilla.tgz')).to.equal('file:../flotilla.tgz');
    expect(await specOf('app/inside', 'file:../flotilla.tgz')).to.equal('file:../../flotilla.tgz');
  });

  it('refuses a non-empty folder and a name that npm or the broker would refuse, and writes nothing', async () => {
    await mkdir(join(parent, 'used'));
    await writeFile(join(parent, 'used', 'notes.txt'), 'mine');
    expect(await codeOf(create('used'))).to.equal('folder.not_empty');
    expect(await readdir(join(parent, 'used'))).to.deep.equal(['notes.txt']);
    expect(await codeOf(create('used/notes.txt'))).to.equal('name.invalid');
    await writeFile(join(parent, 'file'), '');
    expect(await codeOf(create('file'))).to.equal('folder.not_empty');
    for (const name of ['Shop', 'my shop', 'a--b', '1a', 'flotilla', 'zod', 'x'.repeat(61)]) {
      expect(await codeOf(create(name)), name).to.equal('name.invalid');
      expect(await readdir(parent)).not.to.include(name);
    }
    await mkdir(join(parent, 'empty'));
    expect(await create('empty')).to.include('package.json');
  });
});
