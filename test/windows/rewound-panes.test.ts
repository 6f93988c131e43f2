import { expect } from 'chai';
import { derivedId } from '../../src/events/ids.js';
import { openMemoryStore } from '../../src/store/memory/index.js';
import type { Store } from '../../src/store/store.js';
import { WindowProcessor } from '../../src/windows/processor.js';
import { arrivingEvent } from '../../src/windows/reader/arriving-event.js';
import { rewindWindows } from '../../src/windows/rewind/rewind.js';
import { listingDefinition, reading } from './support/readings.js';
import { resultsOf } from './support/run-script.js';

const definition = listingDefinition({ kind: 'tumbling', grace: '1s' });
const NOW = 1_700_000_060_000;
const BEGIN = 1_700_000_000_000;

describe('windows after a rewind', () => {
  let store: Store;
  beforeEach(() => (store = openMemoryStore({ service: 'metrics', clock: () => NOW })));
  afterEach(() => store.close());

  const taken = (n: number, after: number) =>
    arrivingEvent(definition, reading({ n, source: 'north', sensor: 'a', time: BEGIN + after }));
  const open = (position: number) =>
    WindowProcessor.open<number>({
      ...{ store, definition, deriveId: derivedId, now: () => NOW, position },
      commit: async (_, write) => {
        await store.transaction(write);
        return true;
      },
    });
  const apply = async (processor: WindowProcessor<number>, position: number, event: ReturnType<typeof taken>) => {
    await processor.apply([{ position, event }], () => ({ at: NOW, now: NOW }));
    await processor.flush();
  };

  it('are none while no window is closed', async () => {
    await open(0);
    const rewound = await rewindWindows({
      ...{ store, definition, to: BEGIN, dryRun: true, deriveId: derivedId, now: () => NOW, who: 'test' },
      history: async function* () {},
    });
    expect(rewound).to.include({ until: undefined, windows: 0, changed: 0 });
  });

  it('do not continue with the panes that an idle computation has in memory', async () => {
    const processor = await open(0);
    await apply(processor, 1, taken(1, 0));
    await apply(processor, 2, taken(2, 20_000));
    const unread = [taken(1, 0), taken(2, 20_000), taken(3, 5_000)];
    const rewound = await rewindWindows({
      ...{ store, definition, to: BEGIN, dryRun: false, deriveId: derivedId, now: () => NOW, who: 'test' },
      history: async function* () {
        yield* unread.splice(0);
      },
    });
    expect(rewound.changed).to.equal(1);

    const late = taken(4, 6_000);
    const error = await apply(processor, 3, late).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).to.have.property('code', 'windows.frozen');
    await apply(await open(2), 3, late);
    const lists = (await resultsOf(store)).map(({ numbers }) => numbers);
    expect(lists).to.deep.equal([[1], [1, 3], [1, 3, 4]]);
  });
});
