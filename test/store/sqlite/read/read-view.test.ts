import Database from 'better-sqlite3';
import { expect } from 'chai';
import { ReadView } from '../../../../src/store/sqlite/read/read-view.js';
import { eventOf } from '../../../contract/store-events.js';
import { createTempStore, type TempStore } from '../../support/temp-store.js';

/** Runs `meanwhile` once, right after a statement of this text has read its rows. */
function afterReading(text: string, meanwhile: () => void): () => void {
  const prototype = Database.prototype as { prepare: (text: string) => Database.Statement };
  const prepare = prototype.prepare;
  let done = false;
  prototype.prepare = function (query) {
    const statement = prepare.call(this, query);
    if (query !== text) return statement;
    const all = statement.all.bind(statement);
    statement.all = (...values) => {
      const rows = all(...values);
      if (!done) meanwhile();
      done = true;
      return rows;
    };
    return statement;
  };
  return () => {
    prototype.prepare = prepare;
  };
}

describe('a read view of a SQLite file', () => {
  it('reports the original error, also when SQLite has rolled the transaction back', () => {
    const db = new Database(':memory:');
    const view = new ReadView(db);
    const failing = () => {
      db.exec('ROLLBACK'); // SQLite does this after an I/O error
      throw new Error('disk I/O error');
    };
    expect(() => view.run(failing)).to.throw('disk I/O error');
    expect(view.run(() => db.inTransaction)).to.equal(true);
    expect(db.inTransaction).to.equal(false);
    db.close();
  });
});

describe('a page of a SQLite store', () => {
  let temp: TempStore;
  beforeEach(async () => {
    temp = await createTempStore();
  });
  afterEach(() => temp.dispose());

  it('does not skip an event of a type that another process adds during the read', async () => {
    const store = await temp.open();
    await store.append('a/1', 'none', [eventOf('a/1', { type: 'order.created' })]);
    const restore = afterReading('SELECT id, name FROM flotilla_types', () => {
      const file = new Database(temp.path);
      const insert = file.prepare(
        `INSERT INTO flotilla_events (stream, version, id, type, time, correlation, body) VALUES (1, ?, ?, ?, 1, 'c', '{}')`,
      );
      file.exec("INSERT INTO flotilla_types (name) VALUES ('order.shipped')");
      insert.run(2, 'second', 2);
      insert.run(3, 'third', 1);
      file.close();
    });
    try {
      const reading = await temp.open();
      const filter = { type: 'order.*' };
      const first = await reading.readAll(0, 2, filter);
      const rest = await reading.readAll(first.at(-1)?.position ?? 0, 2, filter);
      const seen = [...first, ...rest].map(({ version }) => version);
      expect(seen).to.deep.equal([1, 2, 3]);
    } finally {
      restore();
    }
  });
});
