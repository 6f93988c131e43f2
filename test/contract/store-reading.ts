import { expect } from 'chai';
import { readStream } from '../../src/aggregates/load.js';
import type { ReadFilter, Store } from '../../src/store/store.js';
import { readPages } from '../../src/store/read-pages.js';
import type { StoredEvent } from '../../src/store/stored-event.js';
import { randomFrom } from '../chaos/support/random.js';
import { eventOf } from './store-events.js';
import { seed } from '../support/seed.js';

const at = (second: number) => new Date(Date.UTC(2026, 0, 1) + second * 1000).toISOString();

async function positionsOf(pages: AsyncIterable<StoredEvent[]>): Promise<number[]> {
  const positions: number[] = [];
  for await (const page of pages) positions.push(...page.map(({ position }) => position));
  return positions;
}

/** Tests of paged and filtered reads, for every store. */
export function readingContract(store: () => Store, { archive }: { archive: boolean }): void {
  describe('reading in pages', () => {
    const append = (count: number) =>
      store().append(
        's/1',
        'any',
        Array.from({ length: count }, () => eventOf('s/1')),
      );

    it('returns every event once, in order, in pages of limited size', async () => {
      await append(25);
      const sizes: number[] = [];
      for await (const page of readPages(store(), { pageSize: 10 })) sizes.push(page.length);
      expect(sizes).to.deep.equal([10, 10, 5]);
      const all = (await store().readAll(0)).map(({ position }) => position);
      expect(await positionsOf(readPages(store(), { pageSize: 5 }))).to.deep.equal(all);
      expect(await positionsOf(readPages(store(), { after: all[19] ?? 0, upTo: all[22] ?? 0 }))).to.deep.equal(
        all.slice(20, 23),
      );
    });

    it('ends at the head as of its start, whatever is appended meanwhile', async () => {
      await append(20);
      let read = 0;
      for await (const page of readPages(store(), { pageSize: 8 })) {
        read += page.length;
        await append(20);
      }
      expect(read).to.equal(20);
    });

    it('ends when its signal aborts, without an error or another page', async () => {
      await append(20);
      const stop = new AbortController();
      let pages = 0;
      for await (const _ of readPages(store(), { pageSize: 5, signal: stop.signal })) {
        pages += 1;
        if (pages === 2) stop.abort();
      }
      expect(pages).to.equal(2);
      expect(await positionsOf(readPages(store(), { signal: stop.signal }))).to.deep.equal([]);
    });

    it('yields to the event loop between the pages of a long stream', async () => {
      await append(3_000);
      let turns = 0;
      const count = (): NodeJS.Immediate =>
        setImmediate(() => {
          turns += 1;
          counting = count();
        });
      let counting = count();
      let read = 0;
      for await (const page of readStream(store(), 's/1')) read += page.length;
      clearImmediate(counting);
      expect(read).to.equal(3_000);
      expect(turns).to.be.at.least(2);
    });

    it('yields to the event loop between pages, so that a signal can abort it', async () => {
      await append(200);
      const stop = new AbortController();
      setImmediate(() => {
        stop.abort();
      });
      const read = await positionsOf(readPages(store(), { pageSize: 1, signal: stop.signal }));
      expect(stop.signal.aborted).to.equal(true);
      expect(read.length).to.be.lessThan(10);
    });
  });

  describe('reading by filters', () => {
    const check = async (archived: boolean) => {
      const random = randomFrom(seed);
      const subjects = ['a/1', 'a/2', 'b/1', 'b/2', 'c/1'] as const;
      const types = ['order.created', 'order.shipped', 'payment.failed', 'sensor.read'] as const;
      const correlations = ['one', 'two', 'three'] as const;
      const instant = () => at(random.between(0, 50) * 30);
      for (let n = 0; n < 60; n++) {
        const subject = random.pick(subjects);
        // times mostly increase, as in most services, and some are far behind
        const events = Array.from({ length: random.between(1, 150) }, () =>
          eventOf(subject, {
            type: random.pick(types),
            correlationid: random.pick(correlations),
            time: random.chance(0.95) ? at(n * 25 + random.between(0, 5)) : instant(),
          }),
        );
        await store().append(subject, 'any', events);
      }
      const all = await store().readAll(0, 10_000);
      if (archived) {
        await store().transaction((tx) => tx.moveCheckpoint('relay', 0, all.length));
        for (const subject of ['a/1', 'b/2', 'c/1']) await store().archive(subject, random.between(1, 2000));
      }
      for (let n = 0; n < 150; n++) {
        const filter: ReadFilter = {
          ...(random.chance(0.5) && {
            type: random.pick<string | string[]>(['order.*', ['payment.failed', 'sensor.#'], types[3]]),
          }),
          ...(random.chance(0.3) && { subject: random.pick(subjects) }),
          ...(random.chance(0.3) && { correlationId: random.pick(correlations) }),
          ...(random.chance(0.5) && { since: instant() }),
          ...(random.chance(0.5) && { until: instant() }),
        };
        const after = random.chance(0.5) ? random.between(0, all.length) : 0;
        const found = await positionsOf(readPages(store(), { after, filter, pageSize: random.between(1, 200) }));
        const wanted = all.filter((event) => event.position > after && fits(event, filter));
        expect(found, JSON.stringify({ filter, after })).to.deep.equal(wanted.map(({ position }) => position));
      }
    };

    it(`returns the events that match all filters, in order, for any page size (TEST_SEED=${seed}) @slow`, () =>
      check(false));

    if (archive) {
      it(`returns the same when many of the events are archived (TEST_SEED=${seed}) @slow`, () => check(true));
    }

    it('returns nothing for a reversed time range, an empty list of types, or unknown names', async () => {
      await store().append('a/1', 'none', [eventOf('a/1', { time: at(5) })]);
      const none: ReadFilter[] = [
        { since: at(6), until: at(4) },
        { since: at(5), until: at(5) },
        { type: [] },
        { subject: 'a/2' },
        { correlationId: 'nobody' },
      ];
      for (const filter of none) expect(await store().readAll(0, 10, filter)).to.deep.equal([]);
      expect(await store().readAll(0, 10, { since: at(5), until: at(6) })).to.have.length(1);
    });

    it('rejects an invalid time', async () => {
      await store().append('a/1', 'none', [eventOf('a/1', { time: at(5) })]);
      for (const filter of [{ since: 'yesterday' }, { until: '' }, { since: at(1), until: '2026-13-01T00:00:00Z' }]) {
        const refused = await store()
          .readAll(0, 10, filter)
          .catch((error: unknown) => error);
        expect(refused, JSON.stringify(filter)).to.be.instanceOf(RangeError);
      }
    });

    it('merges more types than one SQL statement accepts', async () => {
      await store().append(
        'a/1',
        'none',
        Array.from({ length: 1_200 }, (_, n) => eventOf('a/1', { type: `kind${(n * 7) % 600}.seen` })),
      );
      const found = await positionsOf(readPages(store(), { filter: { type: '*.seen' }, pageSize: 250 }));
      expect(found).to.deep.equal((await store().readAll(0, 2_000)).map(({ position }) => position));
    });
  });
}

/** A naive implementation of the filter. */
function fits({ type, stream, correlationId, time }: StoredEvent, filter: ReadFilter): boolean {
  const patterns = filter.type === undefined ? [''] : [filter.type].flat();
  return (
    patterns.some((pattern) => type.startsWith(pattern.replace(/[*#]$/, ''))) &&
    (filter.subject ?? stream) === stream &&
    (filter.correlationId ?? correlationId) === correlationId &&
    time >= Date.parse(filter.since ?? at(-1e6)) &&
    time < Date.parse(filter.until ?? at(1e6))
  );
}
