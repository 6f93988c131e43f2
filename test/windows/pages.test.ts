import { expect } from 'chai';
import { openMemoryStore } from '../../src/store/memory/index.js';
import type { Sql } from '../../src/store/store.js';
import { contentsOf } from '../../src/windows/state/closing.js';
import { compareKeys } from '../../src/windows/state/compare-keys.js';
import { migrateWindows } from '../../src/windows/state/migrations.js';
import { paneStarts, writePane } from '../../src/windows/state/panes-table.js';
import { seededRandom } from '../support/seed.js';
import { listingDefinition } from './support/readings.js';

const definition = listingDefinition({ kind: 'tumbling' });

describe('pages of panes', () => {
  it('that do not follow each other end the closing of windows with an error', async () => {
    const rows = Array.from({ length: 500 }, (_, n) => ({ pane_key: `k${n}`, count: 1, late: 0, state: '[]' }));
    const repeating = (() => Promise.resolve(rows)) as unknown as Sql;
    const close = async () => {
      for await (const _ of contentsOf(repeating, 1, definition, { end: 10_000, after: '' }));
    };
    const failed = await close().catch((error: unknown) => error);
    expect(failed).to.include({ code: 'store.damaged' });
    const first = (() => Promise.resolve([{ first: 5 }])) as unknown as Sql;
    expect(await paneStarts(first, 1, 0).catch((error: unknown) => error)).to.include({ code: 'store.damaged' });
  });

  it('contain the keys in the order of the store, whatever their characters', async () => {
    const random = seededRandom('keys');
    const characters = ['a', 'ß', '\ud7ff', '\ue000', '\uffee', '😀', '𝄞'];
    const keys = new Set(
      Array.from({ length: 60 }, () =>
        Array.from({ length: 3 }, () => characters[Math.floor(random() * characters.length)] ?? '').join(''),
      ),
    );
    const store = openMemoryStore({ service: 'metrics', clock: Date.now });
    try {
      await migrateWindows(store);
      const hopping = listingDefinition({ kind: 'hopping' });
      await store.transaction(async ({ sql }) => {
        // each key is in some of the panes of the window
        for (const [index, key] of [...keys].entries())
          for (const start of index % 2 === 0 ? [0, 20_000] : [10_000])
            await writePane(sql, 1, { start, key, count: 1, late: 0, state: '[1]' });
      });
      const found: string[] = [];
      for await (const { key } of contentsOf(store.query, 1, hopping, { end: 30_000, after: '' })) found.push(key);
      expect(found).to.deep.equal([...keys].sort(compareKeys));
      expect(found).to.deep.equal([...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
    } finally {
      await store.close();
    }
  });
});
