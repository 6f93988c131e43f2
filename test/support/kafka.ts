import { randomUUID } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
// @ts-expect-error -- a script without types
import { findKafka } from '../../scripts/kafka.mjs';
// @ts-expect-error -- a script without types
import { startKafkaNode } from '../../scripts/kafka-node.mjs';
import { startedNode } from './started-node.js';

/** A Kafka node of the tests. */
export interface KafkaNode {
  /** `127.0.0.1:<port>` */
  readonly brokers: string;
  readonly pid: number;
  stop: () => Promise<void>;
  /** Kills it like `kill -9`; `restart` starts it again on the same port and data. */
  kill: () => Promise<void>;
  restart: () => Promise<void>;
}

export interface TestKafka {
  brokers: string;
  /** Different for each call: the beginning of all names that a test creates in the broker. */
  prefix: string;
}

/** Why the tests on Kafka are pending; undefined if a broker is at hand. */
export function missingKafka(): string | undefined {
  if (process.env.KAFKA_BROKERS !== undefined || findKafka() !== undefined) return undefined;
  return 'Kafka is not installed and KAFKA_BROKERS is not set: these tests are pending';
}

let sharedNode: Promise<{ node: KafkaNode }> | undefined;

/** A real Kafka: the one of KAFKA_BROKERS, or one node for the whole run, started on first use and removed when the run
 *  ends. The first call takes some seconds. Skips the tests, with one line, where there is none. */
export async function testKafka(context: Mocha.Context): Promise<TestKafka> {
  skipWithoutKafka(context);
  const prefix = `t-${randomUUID().slice(0, 8)}-`;
  const { KAFKA_BROKERS: brokers } = process.env;
  if (brokers !== undefined) return { brokers, prefix };
  sharedNode ??= ownKafka();
  return { brokers: (await sharedNode).node.brokers, prefix };
}

export function skipWithoutKafka(context: Mocha.Context): void {
  const missing = missingKafka();
  if (missing === undefined) return;
  console.log(`      ${missing}`);
  context.skip();
}

/** A separate node for a test that kills it. It is also removed when the run ends. */
export async function ownKafka(): Promise<{ node: KafkaNode; remove: () => Promise<void> }> {
  const dataDir = await mkdtemp(join(tmpdir(), 'flotilla-kafka-'));
  return startedNode(startKafkaNode(dataDir) as Promise<KafkaNode>, { dataDir });
}
