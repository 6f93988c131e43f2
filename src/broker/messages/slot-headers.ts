import { murmur2 } from '../../events/murmur2.js';
import type { Fields } from './amqp-fields.js';
import { HEADERS } from './headers.js';

/** The numbers of partitions that an ordered worker may have: powers of two, so that doubling splits each partition. */
export const PARTITION_COUNTS = [4, 8, 16, 32] as const;
export type PartitionCount = (typeof PARTITION_COUNTS)[number];

const SLOTS = 256;

/** The slot of a subject, 0 to 255: never changes. */
export function slotOf(subject: string): number {
  return murmur2(Buffer.from(subject)) & (SLOTS - 1);
}

/** The name of the header that contains the partition of a message, if there are that many partitions. */
export function partitionHeader(count: PartitionCount): string {
  return `${HEADERS.partitionOf}${count}`;
}

const headersOfSlots = Array.from({ length: SLOTS }, (_, slot): Fields => {
  const partitions = PARTITION_COUNTS.map((count) => [partitionHeader(count), String(slot % count)] as const);
  return { [HEADERS.slot]: String(slot), ...Object.fromEntries(partitions) };
});

/** The headers by which the broker routes a message to a partition. Texts, because RabbitMQ compares types as well, and
 *  clients encode numbers differently. */
export function slotHeaders(subject: string): Fields {
  return headersOfSlots[slotOf(subject)] ?? {};
}
