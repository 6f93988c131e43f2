import kafkajs from 'kafkajs';
import { randomUUID } from 'node:crypto';
import type { EventEnvelope } from '../../../src/events/envelope.js';

/** A committed record, as an independent reader sees it. */
export interface ReadRecord {
  topic: string;
  partition: number;
  offset: number;
  key: string;
  contentType: string;
  position: number;
  event: EventEnvelope;
}

/** Reads committed records of topics from their beginning with KafkaJS alone, until `count` are read and no other has
 *  arrived for a moment. Rejects after `limit` milliseconds. */
export async function readTopic(brokers: string, topic: string, count: number, limit = 20_000): Promise<ReadRecord[]> {
  const kafka = new kafkajs.Kafka({ brokers: brokers.split(','), logLevel: kafkajs.logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: `reader-${randomUUID()}`, maxWaitTimeInMs: 100 });
  /** A reader that joins its group again receives records again: they have the same offset. */
  const records = new Map<string, ReadRecord>();
  let timer: NodeJS.Timeout | undefined;
  try {
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`${records.size} of ${count} records were read`)), limit);
      const done = () => {
        clearTimeout(late);
        resolve();
      };
      consumer
        .run({
          eachMessage: ({ topic: from, partition, message }) => {
            records.set(`${from}/${partition}/${message.offset}`, recordOf(from, partition, message));
            clearTimeout(timer);
            if (records.size >= count) timer = setTimeout(done, 300);
            return Promise.resolve();
          },
        })
        .catch(reject);
    });
  } finally {
    clearTimeout(timer);
    await consumer.disconnect();
  }
  return [...records.values()];
}

function recordOf(topic: string, partition: number, { offset, key, value, headers }: kafkajs.KafkaMessage): ReadRecord {
  return {
    topic,
    partition,
    offset: Number(offset),
    key: key?.toString() ?? '',
    contentType: headers?.['content-type']?.toString() ?? '',
    position: Number(headers?.['flotilla-position']?.toString()),
    event: JSON.parse(value?.toString() ?? 'null') as EventEnvelope,
  };
}
