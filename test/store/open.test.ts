import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { FlotillaError } from '../../src/errors.js';
import { openStore, sqlitePath } from '../../src/store/open.js';
import { StoreRegistry } from '../../src/store/store-registry.js';
import { codeOf, eventOf } from '../contract/store-events.js';
import { createTempStore, type TempStore } from './support/temp-store.js';

describe('DATABASE_URL', () => {
  it('resolves to a file per service', () => {
    expect(sqlitePath('sqlite:data/{service}.db', 'payment')).to.equal('data/payment.db');
    expect(sqlitePath('sqlite:/var/lib/{service}/{service}.db', 'a')).to.equal('/var/lib/a/a.db');
    expect(sqlitePath('sqlite:///var/lib/a.db', 'a')).to.equal('/var/lib/a.db');
  });

  it('opens the store of a service, and creates its folder', async () => {
    const temp = await createTempStore();
    const store = await openStore(`sqlite:${temp.folder}/new/{service}.db`, 'payment');
    expect(store.service).to.equal('payment');
    expect(await store.head()).to.equal(0);
    await store.close();
    await temp.dispose();
  });

  it('is rejected with config.invalid for an unknown engine', async () => {
    for (const url of ['postgres://localhost/x', 'mysql://x', 'sqlite:', 'sqlite::memory:']) {
      expect(await codeOf(openStore(url, 'a'))).to.equal('config.invalid');
    }
  });
});

describe('the store of a known service', () => {
  let temp: TempStore;
  let url: string;
  let registry: StoreRegistry;
  beforeEach(async () => {
    temp = await createTempStore();
    url = `sqlite:${temp.folder}/{service}.db`;
    registry = new StoreRegistry(join(temp.folder, 'stores'));
    const store = await openStore(url, 'core', { registry });
    await store.append('a/1', 'none', [eventOf('a/1')]);
    await store.close();
  });
  afterEach(() => temp.dispose());

  const open = async (options: Parameters<typeof openStore>[2] = {}) => {
    const store = await openStore(url, 'core', { registry, ...options });
    const head = await store.head();
    await store.close();
    return head;
  };
  const refusal = (work: Promise<unknown>) =>
    work.then(
      () => 'opened',
      (error: FlotillaError) => `${error.code} ${error.disposal} ${error.message}`,
    );

  it('is recorded, and opened again', async () => {
    expect(registry.find('core')).to.include({ path: temp.path });
    expect(await open()).to.equal(1);
  });

  it('is not recreated when its file is missing', async () => {
    rmSync(temp.path);
    expect(await refusal(open())).to.match(/^store\.missing fatal .*core\.db.*flotilla stores accept core/);
    expect(existsSync(temp.path)).to.equal(false);
    registry.abandon('core');
    expect(await open()).to.equal(0);
  });

  it('is not replaced by another store, which remains unchanged', async () => {
    rmSync(temp.path);
    const other = await temp.open();
    await other.close();
    const before = readFileSync(temp.path);
    expect(await refusal(open())).to.match(/^store\.replaced fatal .*core\.db has the id/);
    expect(readFileSync(temp.path).equals(before)).to.equal(true);
    writeFileSync(temp.path, '');
    expect(await refusal(open())).to.match(/^store\.damaged fatal .*core\.db: it is empty/);
  });

  it('may be restored from a backup', async () => {
    copyFileSync(temp.path, `${temp.path}.backup`);
    const store = await openStore(url, 'core', { registry });
    await store.append('a/2', 'none', [eventOf('a/2')]);
    await store.close();
    copyFileSync(`${temp.path}.backup`, temp.path);
    expect(await open()).to.equal(1);
  });

  it('is recorded when it was created without a record', async () => {
    registry.abandon('core');
    expect(await open()).to.equal(1);
    expect(registry.find('core')).to.include({ path: temp.path });
  });

  it('is neither created nor recorded by readers', async () => {
    expect(await codeOf(openStore(url, 'other', { registry, create: false }))).to.equal('store.missing');
    registry.abandon('core');
    expect(await open({ create: false })).to.equal(1);
    expect(readdirSync(registry.dir)).to.deep.equal(['core.given-up.json']);
    expect(existsSync(join(temp.folder, 'other.db'))).to.equal(false);
  });

  it('is not opened with an unreadable record, and reports the path of the record', async () => {
    truncateSync(join(registry.dir, 'core.json'), 5);
    expect(await refusal(open())).to.match(/^store\.damaged fatal .*stores\/core\.json/);
  });
});
