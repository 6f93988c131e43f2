import { expect } from 'chai';
import { derivedId } from '../../../src/events/ids.js';
import type { Store } from '../../../src/store/store.js';
import type { WindowsDefinition } from '../../../src/windows/definition.js';
import { arrivingEvent } from '../../../src/windows/reader/arriving-event.js';
import { rewindWindows } from '../../../src/windows/rewind/rewind.js';
import { readWindows } from '../../../src/windows/state/windows-table.js';
import { isUsable, partsOf, type ScriptStep } from './oracle.js';
import { reading, readings } from './readings.js';
import { resultsOf } from './run-script.js';

/** Rewinds to a time, and expects the last result of each closed window to have all readings of the window, also those
 *  that were late. A second rewind changes nothing. */
export async function checkRewind(
  store: Store,
  definition: WindowsDefinition,
  script: readonly ScriptStep[],
  to: number,
): Promise<void> {
  const row = await readWindows(store.query, definition);
  if (row === undefined) return;
  const all = script.filter((step) => 'n' in step);
  const now = Math.max(...all.map(({ at }) => at));
  const rewind = () => {
    const unread = [...all];
    return rewindWindows({
      ...{ store, definition, to, dryRun: false, deriveId: derivedId, now: () => now, who: 'test' },
      history: async function* () {
        for (const each of unread.splice(0))
          yield arrivingEvent(definition, 'parts' in each ? readings(each) : reading(each));
      },
    });
  };
  await rewind();
  const second = await rewind();
  expect([second.changed, second.added, second.emitted], 'a second rewind').to.deep.equal([0, 0, 0]);

  const { size, every, kind } = definition.window;
  const counted = new Map(
    all
      .flatMap(partsOf)
      .filter((part) => isUsable(part, now))
      .map((part) => [part.identity, part]),
  );
  const last = new Map<string, { numbers: number[]; revision: number }>();
  for (const { numbers, window } of await resultsOf(store)) {
    const name = `${window.key} ${window.end}`;
    const before = last.get(name);
    expect(window.revision, name).to.equal(before === undefined ? 0 : before.revision + 1);
    last.set(name, { numbers, revision: window.revision });
  }
  const watermark = row.watermark.value ?? -Infinity;
  for (const { time, sensor } of counted.values()) {
    const end = Math.floor(time / every) * every + (kind === 'hopping' ? size : every);
    if (end > watermark || end - size < Math.ceil(to / every) * every) continue;
    const content = [...counted.values()].filter(
      (each) => each.sensor === sensor && each.time >= end - size && each.time < end,
    );
    expect(last.get(`${sensor} ${end}`)?.numbers, `${sensor} ${end}`).to.deep.equal(
      content.map(({ n }) => n).sort((a, b) => a - b),
    );
  }
}
