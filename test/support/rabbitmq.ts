import { randomUUID } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type ChannelModel } from 'amqplib';
import { z } from 'zod';
import { ManagementNodes } from '../../src/broker/rabbitmq/management/management-nodes.js';
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
  await deleteAll(await testBroker(), prefix);
}

const namesOf = z.array(z.object({ name: z.string() }));

/** Deletes all queues and exchanges of a broker whose names begin with the prefix. The URLs may list several nodes.
 *  Reads names only, and deletes over AMQP: a list with statistics and a request for each name take several times the
 *  processor time. */
export async function deleteAll(
  { amqpUrl, managementUrl }: Pick<TestBroker, 'amqpUrl' | 'managementUrl'>,
  prefix: string,
): Promise<void> {
  const management = new ManagementNodes(managementUrl, 30_000);
  const list = async (kind: string) =>
    namesOf
      .parse(await management.get(`/${kind}/%2F?columns=name`))
      .flatMap(({ name }) => (name.startsWith(prefix) ? [name] : []));
  const [queues, exchanges] = [await list('queues'), await list('exchanges')];
  if (queues.length + exchanges.length === 0) return;
  const connection = await connectToOneOf(amqpUrl.split(','));
  try {
    const channel = await connection.createChannel();
    for (const name of queues) await channel.deleteQueue(name);
    for (const name of exchanges) await channel.deleteExchange(name);
  } finally {
    await connection.close();
  }
}

/** The nodes of a cluster may be down, except one. */
async function connectToOneOf(urls: readonly string[]): Promise<ChannelModel> {
  const errors: unknown[] = [];
  for (const url of urls) {
    try {
      return await connect(url);
    } catch (error) {
      errors.push(error);
    }
  }
  throw new AggregateError(errors, `no connection to ${urls.length} nodes`);
}

/** The installation that nodes of tests run: the one of FLOTILLA_TEST_RABBITMQ_SERVER, which the whole suite prepares
 *  to start faster, or the installed one. */
export function installation(): Pick<RabbitNodeOptions, 'server' | 'searchPath'> {
  const { FLOTILLA_TEST_RABBITMQ_SERVER: server, PATH: searchPath } = process.env;
  return { ...(server !== undefined && { server }), ...(searchPath !== undefined && { searchPath }) };
}

/** A separate node for a test that kills or blocks it. It is also removed when the run ends, and while it starts. */
export async function ownNode(options: Omit<RabbitNodeOptions, 'dataDir' | 'logger'> = {}): Promise<OwnNode> {
  const dataDir = await mkdtemp(join(tmpdir(), 'flotilla-rabbit-'));
  const ending = new AbortController();
  const starting = startRabbitNode({
    ...installation(),
    ...options,
    dataDir,
    logger: silentLogger(),
    signal: ending.signal,
  });
  return startedNode(starting, {
    dataDir,
    abort: () => {
      ending.abort();
    },
  });
}
