import { expect } from 'chai';
import { openMemoryStore } from '../../src/store/memory/index.js';
import type { Store } from '../../src/store/store.js';
import { storeContract } from './store.js';
import { codeOf, eventOf } from './store-events.js';

storeContract(
  'memory',
  async () => {
    const opened: Store[] = [];
    return {
      async open({ clock = Date.now, maxWaiting } = {}) {
        const store = openMemoryStore({ service: 'core', clock, ...(maxWaiting !== undefined && { maxWaiting }) });
        opened.push(store);
        return store;
      },
      async dispose() {
        await Promise.all(opened.map((store) => store.close()));
      },
    };
  },
  { shared: false },
);

describe('the in-memory store', () => {
  const open = (options: Partial<Parameters<typeof openMemoryStore>[0]> = {}) =>
    openMemoryStore({ service: 'core', clock: () => 0, ...options });

  it('has no archive, and rejects archiving with store.archive_missing', async () => {
    const store = open();
    await store.append('x/1', 'none', [eventOf('x/1'), eventOf('x/1')]);
    await store.transaction((tx) => tx.moveCheckpoint('relay', 0, 2));
    expect(await codeOf(store.archive('x/1', 1))).to.equal('store.archive_missing');
    expect(await store.read('x/1')).to.have.length(2);
    await store.close();
  });

  it('hides uncommitted changes from other readers', async () => {
    const store = open();
    await store.migrate('a', [{ name: 'one', sql: 'CREATE TABLE one (x INTEGER)' }]);
    let seen: Promise<object[]> | undefined;
    const work = store.transaction(async (tx) => {
      await tx.sql`INSERT INTO one VALUES (1)`;
      seen = store.query`SELECT x FROM one`;
      await tx.sql`INSERT INTO one VALUES (2)`;
      throw new Error('undone');
    });
    expect(await work.catch(() => 'failed')).to.equal('failed');
    expect(await seen).to.deep.equal([]);
    await store.close();
  });

  it('starts from the image of another store, and does not change that store', async () => {
    const first = open();
    await first.append('x/1', 'none', [eventOf('x/1')]);
    const second = open({ image: first.image() });
    await second.append('x/1', 1, [eventOf('x/1')]);
    expect([await first.head(), await second.head()]).to.deep.equal([1, 2]);
    expect(second.id).to.equal(first.id);
    await Promise.all([first.close(), second.close()]);
  });

  it('reports no events of work that was rolled back', async () => {
    const reports: unknown[] = [];
    const store = open({ onCommit: ({ events }) => reports.push(events.length) });
    await store.append('x/1', 'none', [eventOf('x/1')]);
    const failing = store.transaction(async (tx) => {
      await tx.append('x/2', 'none', [eventOf('x/2')]);
      throw new Error('rolled back');
    });
    expect(await failing.catch((error: unknown) => String(error))).to.equal('Error: rolled back');
    expect(reports).to.deep.equal([1, 0]);
    await store.close();
  });

  it('reports the new events and the next timer of a commit before the commit resolves', async () => {
    const reports: unknown[] = [];
    const store = open({
      onCommit: ({ events, nextTimer }) => reports.push([events.map(({ version }) => version), nextTimer]),
    });
    await store.append('x/1', 'none', [eventOf('x/1'), eventOf('x/1')]).then(() => reports.push('answered'));
    await store.transaction((tx) => tx.schedule({ id: 't', dueAt: 7, event: eventOf('x/1') }));
    expect(reports).to.deep.equal([[[1, 2], undefined], 'answered', [[], 7]]);
    await store.close();
  });
});
