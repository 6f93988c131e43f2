import { expect } from 'chai';
import { openStore, sqlitePath } from '../../src/store/open.js';
import { codeOf } from '../contract/store-events.js';
import { createTempStore } from './temp-store.js';

describe('DATABASE_URL', () => {
  it('names a file per service', () => {
    expect(sqlitePath('sqlite:data/{service}.db', 'payment')).to.equal('data/payment.db');
    expect(sqlitePath('sqlite:/var/lib/{service}/{service}.db', 'a')).to.equal('/var/lib/a/a.db');
    expect(sqlitePath('sqlite:///var/lib/a.db', 'a')).to.equal('/var/lib/a.db');
  });

  it('opens the store of that service, and makes its folder', async () => {
    const temp = await createTempStore();
    const store = await openStore(`sqlite:${temp.folder}/new/{service}.db`, 'payment');
    expect(store.service).to.equal('payment');
    expect(await store.head()).to.equal(0);
    await store.close();
    await temp.dispose();
  });

  it('is refused with config.invalid where there is no such engine', async () => {
    for (const url of ['postgres://localhost/x', 'mysql://x', 'sqlite:', 'sqlite::memory:']) {
      expect(await codeOf(openStore(url, 'a'))).to.equal('config.invalid');
    }
  });
});
