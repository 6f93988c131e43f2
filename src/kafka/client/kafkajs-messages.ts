import { murmur2 } from '../../events/murmur2.js';
import type { KafkaRecord } from './kafka-client.js';

type Groups = Record<string, KafkaRecord[]>;
type AddToGroups = (groups: Groups, message: KafkaRecord) => Groups;

/** Java's partitioner, so that programs in other languages find the same partition for a key. That of KafkaJS calculates with
 *  objects for numbers of 64 bits, and takes six times as long. */
export function javaPartitioner() {
  return ({ partitionMetadata, message }: { partitionMetadata: readonly unknown[]; message: KafkaRecord }): number =>
    (murmur2(Buffer.from(message.key)) & 0x7fffffff) % partitionMetadata.length;
}

/** Returns an array of the messages for one send. KafkaJS groups the messages by partition with `reduce`, and copies the group
 *  for each message: a tenth of the time of a send. This `reduce` lets it add each message to an empty result, and
 *  joins the results. */
export function groupable(messages: readonly KafkaRecord[]): KafkaRecord[] {
  return Object.defineProperty([...messages], 'reduce', { value: reduceToGroups });
}

function reduceToGroups(this: KafkaRecord[], add: AddToGroups, initial: Groups): Groups {
  const groups: Groups = { ...initial };
  for (const message of this) {
    const added = add({}, message);
    const [partition = ''] = Object.keys(added);
    const group: unknown = added[partition];
    // another release of KafkaJS
    if (!Array.isArray(group) || group[0] !== message)
      return Array.prototype.reduce.call(this, add as never, initial) as Groups;
    (groups[partition] ??= []).push(message);
  }
  return groups;
}
