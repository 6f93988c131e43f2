import { FlotillaError } from '../../errors.js';
import { newId } from '../../events/ids.js';
import { versionName } from '../../windows/definition.js';
import { MAX_AHEAD_MS } from '../../windows/engine/engine.js';
import { Failures } from '../../windows/engine/failures.js';
import type { History, HistoryOptions } from '../../windows/rewind/history.js';
import type { ConsumedRecord, KafkaAdmin, KafkaClient } from '../client/kafka-client.js';
import { listOffsets } from '../source/offset-table.js';
import { withAdmin } from '../topics/plan-topics.js';
import { decodeInput } from './decode-input.js';
import { readPartitions, type PartitionRange } from './read-partitions.js';
import { partitionName } from './read-positions.js';
import { windowsGroup } from './windows-group.js';

/** Kafka counts as unreachable after this time without a record before the position. */
const IDLE_TIMEOUT_MS = 30_000;

export interface TopicHistoryOptions extends HistoryOptions {
  client: KafkaClient;
  /** Prefix of the name of the group. */
  prefix: string;
}

/** Returns the history of windows over topics. It throws `windows.history_trimmed`, `windows.history_compacted` and `kafka.*`. */
export function topicHistory(options: TopicHistoryOptions): History {
  const { client, prefix, store, definition, from, signal } = options;
  const consumer = versionName(definition);
  const failures = new Failures();
  /** What is read of each partition. */
  const next = new Map<string, bigint>();
  return async function* () {
    const offsets = await listOffsets(store.query, consumer);
    const ranges = await withAdmin(client, (admin) => rangesOf(admin, offsets, next));
    const unchecked = new Set(ranges.filter(({ isTrimmed }) => isTrimmed).map(nameOf));
    const group = `${windowsGroup(prefix, definition)}-rewind-${newId()}`;
    for await (const { topic, partition, records } of readPartitions({
      ...{ client, group, ranges, signal },
      idle: IDLE_TIMEOUT_MS,
    })) {
      const [oldest] = records;
      if (oldest !== undefined && unchecked.delete(nameOf({ topic, partition }))) requireHistory(oldest, topic, from);
      for (const record of records) {
        const event = decodeInput(definition, { consumer, topic, partition }, record, failures);
        if (event !== undefined) yield event;
      }
    }
    signal.throwIfAborted();
    for (const offset of offsets) next.set(nameOf(offset), offset.next);
  };
}

function nameOf({ topic, partition }: { topic: string; partition: number }): string {
  return partitionName(topic, partition);
}

/** The records that the live computation has read, without those before `next`. `isTrimmed`: Kafka has deleted some. */
async function rangesOf(
  admin: KafkaAdmin,
  offsets: readonly { topic: string; partition: number; next: bigint }[],
  next: ReadonlyMap<string, bigint>,
): Promise<(PartitionRange & { isTrimmed: boolean })[]> {
  const ranges: (PartitionRange & { isTrimmed: boolean })[] = [];
  for (const topic of new Set(offsets.map((offset) => offset.topic))) {
    if (await admin.isCompacted(topic)) throw new FlotillaError('windows.history_compacted', topic);
    const bounds = new Map((await admin.bounds(topic)).map((each) => [each.partition, each]));
    for (const { partition, next: to } of offsets.filter((offset) => offset.topic === topic)) {
      const name = partitionName(topic, partition);
      const { low, high } = bounds.get(partition) ?? { low: 0n, high: 0n };
      if (to > high) throw trimmed(`${name} was created again`);
      const from = next.get(name) ?? low;
      const isTrimmed = low > 0n && !next.has(name);
      if (isTrimmed && from >= to) throw trimmed(`${name} begins at offset ${low}`);
      if (from < to) ranges.push({ topic, partition, next: from, to, isTrimmed });
    }
  }
  return ranges;
}

/** The records that Kafka has deleted were written before the oldest one. Their events can be as much later as a time may
 *  be ahead. */
function requireHistory({ timestamp }: ConsumedRecord, topic: string, from: number): void {
  if (timestamp + MAX_AHEAD_MS <= from) return;
  throw trimmed(`${topic} begins at ${new Date(timestamp).toISOString()}`);
}

function trimmed(detail: string): FlotillaError {
  return new FlotillaError('windows.history_trimmed', detail);
}
