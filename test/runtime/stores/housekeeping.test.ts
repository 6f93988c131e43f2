import { expect } from 'chai';
import { ClockJumps } from '../../../src/runtime/stores/clock-jumps.js';
import { startHousekeeping } from '../../../src/runtime/stores/housekeeping.js';
import { inboxAge, logAge } from '../../../src/runtime/stores/log-age.js';
import { FlotillaError } from '../../../src/errors.js';
import { newId } from '../../../src/events/ids.js';
import type { Store } from '../../../src/store/store.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import { eventOf } from '../../contract/store-events.js';
import { createTempStore, type TempStore } from '../../store/support/temp-store.js';
import { recordingLogger } from '../../support/recording-logger.js';
import { eventually } from '../../support/eventually.js';

describe('housekeeping', () => {
  let temp: TempStore;
  beforeEach(async () => {
    temp = await createTempStore();
  });
  afterEach(() => temp.dispose());

  it('deletes old inbox rows, and archives events past their retention', async () => {
    let now = Date.now() - 10_000;
    const store = await temp.open({ clock: () => now });
    const key = { consumer: 'views', source: 'core', id: newId() };
    await store.markHandled(key);
    now = Date.now();
    await store.append('s/1', 'none', [eventOf('s/1'), eventOf('s/1'), eventOf('s/1')]);
    const lease = await store.acquireLease('relay', 'test', 1000);
    if (lease !== undefined) await store.moveLeasedCheckpoint(lease, 0, 3);
    await store.setStreamMetadata('s/1', { retention: { keep: 1 } });

    const ending = new AbortController();
    const keeping = startHousekeeping([store], 5_000, silentLogger(), ending.signal);
    await eventually('two events are archived', async () => (await store.archive('s/1', 0)).through >= 2);
    ending.abort();
    await keeping;
    expect(await store.handled(key)).to.equal(false);
    expect((await store.read('s/1')).map(({ version }) => version)).to.deep.equal([1, 2, 3]);
  });

  it('deletes nothing right after a jump of the system time that makes all rows look old', async () => {
    const store = await temp.open();
    const key = { consumer: 'views', source: 'core', id: newId() };
    await store.markHandled(key);
    let purges = 0;
    const counted = Object.assign(Object.create(store) as Store, { purgeInbox: async () => ((purges += 1), 0) });
    const ending = new AbortController();
    const taken = new Promise<void>((resolve) => {
      const jumps = { take: () => (setImmediate(resolve), 8 * 86_400_000) };
      void startHousekeeping([counted], 1, silentLogger(), ending.signal, jumps);
    });
    await taken;
    ending.abort();
    expect(purges).to.equal(0);
  });

  it('recognizes a jump of the system time in either direction once', () => {
    let wall = 1_000_000;
    let elapsed = 0;
    const jumps = new ClockJumps(
      () => wall,
      () => elapsed,
    );
    expect(jumps.take()).to.equal(0);
    wall += 3_600_000;
    elapsed += 3_600_000;
    expect(jumps.take()).to.equal(0);
    wall += 7_200_000;
    elapsed += 3_600_000;
    expect(jumps.take()).to.equal(3_600_000);
    expect(jumps.take()).to.equal(0);
    wall -= 100_000;
    expect(jumps.take()).to.equal(-100_000);
  });

  it('keeps inbox rows a day longer than the log', () => {
    expect(logAge('7D')).to.equal(7 * 86_400_000);
    expect(inboxAge('12h')).to.equal(1.5 * 86_400_000);
  });

  it('logs a failure of a store once, and its end', async () => {
    const store = await temp.open();
    let rounds = 0;
    const failing = Object.assign(Object.create(store) as Store, {
      service: 'core',
      purgeInbox: () => (++rounds < 4 ? Promise.reject(new FlotillaError('store.full')) : Promise.resolve(0)),
      applyRetention: () => Promise.resolve(0),
    });
    const ending = new AbortController();
    const { logger, lines } = recordingLogger();
    const keeping = startHousekeeping([failing], 1, logger, ending.signal, { take: () => 0 }, 1);
    await eventually(() => rounds > 5);
    ending.abort();
    await keeping;
    expect(lines.map(({ level, message, store: of }) => [level, message, of])).to.deep.equal([
      ['warn', 'Housekeeping failed; retrying later: Old inbox rows forgotten', 'core'],
      ['warn', 'Housekeeping succeeds again: Old inbox rows forgotten', 'core'],
    ]);
  });
});
