import { access, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { lockData } from '../../src/supervisor/data-lock.js';
import { reset } from '../../src/supervisor/reset.js';

describe('reset', () => {
  let directory: string;
  beforeEach(async () => (directory = await mkdtemp(join(tmpdir(), 'flotilla-reset-'))));
  afterEach(() => rm(directory, { recursive: true, force: true }));

  const fill = async () => {
    lockData(directory, 'use', 'shared')?.release();
    await mkdir(join(directory, 'sandbox'));
    await writeFile(join(directory, 'sandbox', 'ledger'), 'x'.repeat(1000));
    await writeFile(join(directory, 'core.db'), 'x'.repeat(10));
  };

  it('removes everything that is in the data directory, and says what', async () => {
    await fill();
    expect(await reset(directory, 0)).to.deep.equal([
      { name: 'core.db', bytes: 10 },
      { name: 'sandbox', bytes: 1000 },
    ]);
    expect((await readdir(directory)).sort()).to.deep.equal(['.in-use', '.supervisor']);
    expect(await reset(directory, 0)).to.deep.equal([]);
  });

  for (const purpose of ['supervisor', 'use'] as const) {
    it(`removes nothing while something runs (${purpose})`, async () => {
      await fill();
      const lock = lockData(directory, purpose, 'shared');
      const error: unknown = await reset(directory, 0).catch((failure: unknown) => failure);
      lock?.release();
      expect(error).to.have.property('code', 'fleet.running');
      await access(join(directory, 'core.db'));
    });
  }

  it('removes nothing from a directory that was never a fleet’s', async () => {
    await writeFile(join(directory, 'thesis.txt'), 'years of work');
    const error: unknown = await reset(directory, 0).catch((failure: unknown) => failure);
    expect(error).to.have.property('code', 'config.invalid');
    await access(join(directory, 'thesis.txt'));
  });
});
