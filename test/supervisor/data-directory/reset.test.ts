import { access, mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { openStore } from '../../../src/store/open.js';
import { StoreRegistry } from '../../../src/store/store-registry.js';
import { lockData } from '../../../src/supervisor/data-directory/data-lock.js';
import { reset } from '../../../src/supervisor/data-directory/reset.js';

describe('reset', () => {
  let directory: string;
  beforeEach(async () => (directory = await mkdtemp(join(tmpdir(), 'flotilla-reset-'))));
  afterEach(() => rm(directory, { recursive: true, force: true }));

  const write = async (name: string, text = 'x') => {
    await mkdir(dirname(join(directory, name)), { recursive: true });
    await writeFile(join(directory, name), text);
  };

  /** The files that a fleet leaves behind. */
  const fill = async () => {
    lockData(directory, 'use', 'shared')?.release();
    const registry = new StoreRegistry(join(directory, 'stores'));
    await (await openStore(`sqlite:${directory}/{service}.db`, 'core', { registry })).close();
    await write('core.archive.db');
    await write('sandbox/sandbox.db', 'x'.repeat(1000));
    await write('run/api-123.json');
    await write('fleet.json', '{}');
    await write('rabbitmq/rabbitmq.conf');
    await write('rabbitmq/log/rabbit.log.0');
    await write('rabbitmq/mnesia/flotilla@localhost/quorum/segment');
    await symlink('/etc', join(directory, 'rabbitmq/mnesia/flotilla@localhost/link'));
    await write('rabbitmq-3.10.8-20261128T101112/node.json', '{}');
  };
  const left = async () => (await readdir(directory)).sort();
  const locks = ['.in-use', '.supervisor'];

  it('removes everything that Flotilla has created, and lists it', async () => {
    await fill();
    const { own, foreign } = await reset(directory, 0);
    expect(own.map(({ name }) => name)).to.deep.equal([
      'core.archive.db',
      'core.db',
      'core.db-news',
      'fleet.json',
      'rabbitmq',
      'rabbitmq-3.10.8-20261128T101112',
      'run',
      'sandbox',
      'stores',
    ]);
    expect(own.find(({ name }) => name === 'sandbox')).to.include({ bytes: 1000 });
    expect(foreign).to.deep.equal([]);
    expect(await left()).to.deep.equal(locks);
    await access('/etc/hostname');
    expect(await reset(directory, 0)).to.deep.equal({ own: [], foreign: [] });
  });

  it('keeps files of other programs and their folders, and reports them', async () => {
    await fill();
    const foreign = [
      'backups/core.db',
      'fleet.json.bak',
      'notes.db', // of another program
      'rabbitmq/mnesia/notes.txt',
      'rabbitmq/notes.txt',
      'run/notes.txt',
      'stores/sub/core.json',
      'thesis.txt',
    ];
    for (const name of foreign) await write(name, 'years of work');
    const found = await reset(directory, 0);
    expect(found.foreign).to.deep.equal([
      'backups',
      'fleet.json.bak',
      'notes.db',
      'rabbitmq/mnesia/notes.txt',
      'rabbitmq/notes.txt',
      'run/notes.txt',
      'stores/sub',
      'thesis.txt',
    ]);
    for (const name of foreign) expect(await readFile(join(directory, name), 'utf8')).to.equal('years of work');
    const kept = ['backups', 'fleet.json.bak', 'notes.db', 'rabbitmq', 'run', 'stores', 'thesis.txt'];
    expect(await left()).to.deep.equal([...locks, ...kept]);
    expect(await readdir(join(directory, 'rabbitmq', 'mnesia'))).to.deep.equal(['notes.txt']);
  });

  it('neither follows nor removes symbolic links with any name', async () => {
    await fill();
    const elsewhere = await mkdtemp(join(tmpdir(), 'flotilla-elsewhere-'));
    try {
      for (const name of ['core.db', 'node.json', 'api-1.json']) await writeFile(join(elsewhere, name), 'mine');
      await rm(join(directory, 'rabbitmq'), { recursive: true });
      await rm(join(directory, 'core.db'));
      const links = { rabbitmq: elsewhere, 'core.db': join(elsewhere, 'core.db'), 'run/api-1.json': '/nowhere' };
      for (const [name, target] of Object.entries(links)) await symlink(target, join(directory, name));
      expect((await reset(directory, 0)).foreign).to.deep.equal(Object.keys(links).sort());
      for (const [name, target] of Object.entries(links)) {
        expect(await readlink(join(directory, name))).to.equal(target);
      }
      expect((await readdir(elsewhere)).sort()).to.deep.equal(['api-1.json', 'core.db', 'node.json']);
    } finally {
      await rm(elsewhere, { recursive: true, force: true });
    }
  });

  for (const purpose of ['supervisor', 'use'] as const) {
    it(`removes nothing while a process runs (${purpose})`, async () => {
      await fill();
      const lock = lockData(directory, purpose, 'shared');
      const error: unknown = await reset(directory, 0).catch((failure: unknown) => failure);
      lock?.release();
      expect(error).to.have.property('code', 'fleet.running');
      await access(join(directory, 'core.db'));
    });
  }

  it('removes nothing from a directory that never belonged to a fleet', async () => {
    await writeFile(join(directory, 'thesis.txt'), 'years of work');
    const error: unknown = await reset(directory, 0).catch((failure: unknown) => failure);
    expect(error).to.have.property('code', 'config.invalid');
    await access(join(directory, 'thesis.txt'));
  });
});
