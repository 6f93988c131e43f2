import { expect } from 'chai';
import { systemClock } from '../../src/concurrency/clock.js';
import { derivedId } from '../../src/events/ids.js';
import type { KafkaAdmin } from '../../src/kafka/client/kafka-client.js';
import { listOffsets, migrateKafkaTables } from '../../src/kafka/source/offset-table.js';
import { TopicWindowsSession } from '../../src/kafka/windows/windows-session.js';
import { LeaseHolder } from '../../src/store/leases/lease-holder.js';
import { openMemoryStore } from '../../src/store/memory/index.js';
import type { Store } from '../../src/store/store.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { createMetrics } from '../../src/telemetry/metrics.js';
import { Failures } from '../../src/windows/engine/failures.js';
import { WindowsMetrics } from '../../src/windows/reader/windows-metrics.js';
import { prepareWindows, readWindows } from '../../src/windows/state/windows-table.js';
import { versionName } from '../../src/windows/definition.js';
import { eventually } from '../support/eventually.js';
import { listingDefinition, reading, readings } from '../windows/support/readings.js';
import { resultsOf } from '../windows/support/run-script.js';

const definition = listingDefinition({ kind: 'tumbling' });
const begin = 1_700_000_000_000;

describe('a session of windows over topics', () => {
  let store: Store;

  beforeEach(async () => {
    store = openMemoryStore({ service: 'metrics', clock: Date.now });
    await prepareWindows(store, definition, Date.now());
    await migrateKafkaTables(store);
  });
  afterEach(() => store.close());

  /** The ends of the partitions of the topic, each of which has been written from 0 on. */
  const open = async (name: string, ends: readonly bigint[]) => {
    const lease = await LeaseHolder.acquire(store, { name, holder: name, ttl: 60_000, logger: silentLogger() });
    if (lease === undefined) throw new Error('The lease is taken');
    const session = new TopicWindowsSession(
      { definition, store, topics: ['readings'], deriveId: derivedId, clock: systemClock },
      new WindowsMetrics(definition.name, createMetrics()),
      new Failures(),
      lease,
    );
    const bounds = () => Promise.resolve(ends.map((high, partition) => ({ partition, low: 0n, high })));
    await session.open({ bounds } as Partial<KafkaAdmin> as KafkaAdmin);
    return { session, lease };
  };
  const part = (partition: number, n: number, after: number) =>
    partOf(partition, reading({ n, source: 'plant', sensor: 'a', time: begin + after }));
  const partOf = (partition: number, event: object) => ({
    at: { consumer: versionName(definition), topic: 'readings', partition },
    records: [
      {
        ...{ offset: 0n, key: null, timestamp: 0, headers: { 'content-type': 'application/cloudevents+json' } },
        value: Buffer.from(JSON.stringify(event)),
      },
    ],
    ...{ from: undefined, next: 1n, highWatermark: 1n },
  });

  it('writes nothing for a former leader, also if the new one reads another partition', async () => {
    const former = await open('one', [1n, 1n]);
    const current = await open('two', [1n, 1n]);
    expect(await current.session.process(part(0, 1, 0))).to.equal(true);
    expect(await former.session.process(part(1, 2, 0))).to.equal(false);
    expect(former.lease.check()).to.equal(false);
    expect(await listOffsets(store.query, versionName(definition))).to.deep.equal([
      { topic: 'readings', partition: 0, next: 1n },
    ]);
    await Promise.all([former.lease.release(), current.lease.release()]);
  });

  it('closes no window before an unread partition is read to its end', async () => {
    const { session, lease } = await open('one', [1n, 1n]);
    await session.process(part(0, 1, 0));
    expect((await readWindows(store.query, definition))?.watermark.value).to.equal(undefined);
    // the window ends at 10 s; the grace period is 5 s, and a source is idle after 30 s
    expect(session.engine?.overdue(begin + 60_000)).to.equal(15_000);
    await session.process(part(1, 2, 30_000));
    // the minimum of the partitions, less the grace period
    expect((await readWindows(store.query, definition))?.watermark.value).to.equal(begin - 5_000);
    expect(await resultsOf(store)).to.deep.equal([]);
    await lease.release();
  });

  it('counts the parts of a record, each of which advances the watermark of its partition', async () => {
    const { session, lease } = await open('one', [1n]);
    const parts = [0, 30_000, 1_000].map((after, n) => ({ n, sensor: 'a', time: begin + after }));
    await session.process(partOf(0, readings({ n: 1, source: 'plant', parts })));
    expect((await resultsOf(store)).map(({ numbers }) => numbers)).to.deep.equal([[0, 2]]);
    const row = await readWindows(store.query, definition);
    expect([...(row?.watermark.sources ?? [])].map(([name, { newest }]) => [name, newest])).to.deep.equal([
      ['readings/0', begin + 30_000],
    ]);
    await lease.release();
  });

  it('closes the last window of a partition that ends with offsets without a record', async () => {
    const { session, lease } = await open('one', [2n]);
    await session.process({ ...part(0, 1, 0), highWatermark: 2n });
    const couldClose = () => session.engine?.couldClose(Date.now() + 60_000);
    expect(couldClose()).to.equal(false);
    // the end of a transaction, in a batch of its own
    session.skip('readings', 0, { first: 1n, last: 1n });
    await eventually(() => couldClose() === true);
    await lease.release();
  });
});
