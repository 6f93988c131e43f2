import { randomUUID } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createManagement } from '../../src/broker/rabbitmq/management/management.js';
import type { RabbitNode, RabbitNodeOptions } from '../../src/supervisor/broker/rabbitmq-node.js';
import { startRabbitNode } from '../../src/supervisor/broker/rabbitmq-node.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { startedNode } from './started-node.js';

export interface TestBroker {
  amqpUrl: string;
  managementUrl: string;
  /** Different for each call: the prefix of all names that a test creates in the broker. */
  prefix: string;
}

/** A separate node; `remove` stops it and deletes its files. */
export interface OwnNode {
  node: RabbitNode;
  remove: () => Promise<void>;
}

/** The shared node of the run. */
let sharedNode: Promise<OwnNode> | undefined;

/** A real RabbitMQ: the one of FLOTILLA_TEST_AMQP_URL, or one node for the whole run, started on first use and
 *  removed when the run ends. The first call takes some seconds: allow a minute in the `before` hook. */
export async function testBroker(): Promise<TestBroker> {
  const prefix = `t-${randomUUID().slice(0, 8)}-`;
  const { FLOTILLA_TEST_AMQP_URL: amqpUrl, FLOTILLA_TEST_MANAGEMENT_URL: managementUrl } = process.env;
  if (amqpUrl !== undefined && managementUrl !== undefined) return { amqpUrl, managementUrl, prefix };
  sharedNode ??= ownNode();
  const { node } = await sharedNode;
  return { amqpUrl: node.amqpUrl, managementUrl: node.managementUrl, prefix };
}

/** Deletes all queues and exchanges whose names begin with the prefix. */
export async function cleanUp(prefix: string): Promise<void> {
  if (!prefix.startsWith('t-')) throw new Error(`not a prefix of a test: ${prefix}`);
  const management = createManagement({ url: (await testBroker()).managementUrl });
  for (const { name } of await management.queues(prefix)) await management.deleteQueue(name);
  for (const { name } of await management.exchanges(prefix)) await management.deleteExchange(name);
}

/** A separate node for a test that kills or blocks it. It is also removed when the run ends, and while it starts. */
export async function ownNode(options: Omit<RabbitNodeOptions, 'dataDir' | 'logger'> = {}): Promise<OwnNode> {
  const dataDir = await mkdtemp(join(tmpdir(), 'flotilla-rabbit-'));
  const ending = new AbortController();
  const starting = startRabbitNode({
    ...options,
    dataDir,
    logger: silentLogger(),
    signal: ending.signal,
    ...(process.env.PATH === undefined ? {} : { searchPath: process.env.PATH }),
  });
  return startedNode(starting, {
    dataDir,
    abort: () => {
      ending.abort();
    },
  });
}
