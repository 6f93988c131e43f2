import Database from 'better-sqlite3';
import { expect } from 'chai';
import { NameCache } from '../../../../src/store/sqlite/tables/name-cache.js';

describe('the name cache of a SQLite store', () => {
  let db: Database.Database;
  let names: NameCache;
  beforeEach(() => {
    db = new Database(':memory:');
    db.exec('CREATE TABLE flotilla_streams (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)');
    names = new NameCache(db, 'flotilla_streams', 4);
  });
  afterEach(() => db.close());

  it('returns one key per name, also after eviction', () => {
    const keys = Array.from({ length: 20 }, (_, n) => names.keyOf(`s/${n}`));
    names.keep();
    expect(new Set(keys).size).to.equal(20);
    expect(Array.from({ length: 20 }, (_, n) => names.keyOf(`s/${n}`))).to.deep.equal(keys);
  });

  it('forgets all names added since a mark, however many they are', () => {
    const kept = names.keyOf('kept');
    names.keep();
    for (const count of [1, 2, 3, 5, 9]) {
      db.exec('SAVEPOINT unit');
      const mark = names.mark();
      for (let n = 0; n < count; n++) names.keyOf(`undone/${n}`);
      db.exec('ROLLBACK TO unit; RELEASE unit');
      names.forgetSince(mark);
      for (let n = 0; n < count; n++) expect(names.find(`undone/${n}`), `${count}, ${n}`).to.equal(undefined);
    }
    expect(names.keyOf('another')).to.equal(kept + 1); // the key of a rolled-back name is reused
    expect(names.find('kept')).to.equal(kept);
  });
});
