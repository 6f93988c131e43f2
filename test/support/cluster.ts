import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { RabbitNode } from '../../src/supervisor/broker/rabbitmq-node.js';
import { rabbitmqctl, startRabbitNode } from '../../src/supervisor/broker/rabbitmq-node.js';
import { freePort } from '../../src/supervisor/broker/rabbitmq-node/ports.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { atEnd } from './clean-up.js';
import { installation } from './rabbitmq.js';

/** A cluster of several RabbitMQ nodes on loopback, numbered from 0. */
export interface TestCluster {
  readonly nodes: readonly RabbitNode[];
  /** Ends nodes like `kill -9`; resolves when the other nodes have noticed. */
  kill(...indexes: number[]): Promise<void>;
  /** Starts killed nodes on the same ports and data; resolves when they respond and are members again. */
  start(...indexes: number[]): Promise<void>;
  /** Suspends a node like a network partition: the other nodes need up to 75 s to notice. Kill it afterwards, because the
   *  cluster remains partitioned if it continues after that time. */
  freeze(index: number): void;
  /** Runs `rabbitmqctl` against one node and resolves with its output. */
  ctl(index: number, ...args: string[]): Promise<string>;
  /** The node on which the leader of a queue or stream runs. */
  leaderOf(queue: string): Promise<number>;
  /** Stops every node and deletes its files. */
  remove(): Promise<void>;
}

const queueOf = z.object({ node: z.string().optional(), leader: z.string().optional() });
const nodesOf = z.array(z.object({ name: z.string(), running: z.boolean() }));

const START_LIMIT = 180_000;
const POLL = 200;

/** The cluster that the files of a run share. */
let sharedCluster: Promise<TestCluster> | undefined;

/** One cluster of three nodes for the whole run, started on first use and removed when the run ends. A test starts each
 *  node again that it kills. The first call takes half a minute: allow five minutes in the `before` hook. */
export function testCluster(): Promise<TestCluster> {
  return (sharedCluster ??= ownCluster());
}

/** Starts a separate cluster for the tests of one file. Takes half a minute on an idle machine with two cores, and
 *  150 MB of memory per node: share one among the tests of a file, and allow five minutes in the `before` hook. */
export async function ownCluster({ nodes: count = 3 }: { nodes?: number } = {}): Promise<TestCluster> {
  const directory = await mkdtemp(join(tmpdir(), 'flotilla-cluster-'));
  const cookie = randomBytes(16).toString('hex');
  const epmdPort = await freePort(undefined, new Set());
  const ending = new AbortController();
  const starting = Promise.allSettled(
    Array.from({ length: count }, async (_, index) =>
      startNode(join(directory, `n${index}`), index, { epmdPort, cookie, signal: ending.signal }),
    ),
  );
  const remove = atEnd(async () => {
    ending.abort();
    const nodes = startedOf(await starting);
    // one after another, because the port mapper ends with the last node registered with it
    for (const node of nodes) await node.kill();
    for (const node of nodes) await node.stop();
    await rm(directory, { recursive: true, force: true });
  });
  const started = await starting;
  const nodes = startedOf(started);
  try {
    for (const each of started) if (each.status === 'rejected') throw each.reason;
    await joinNodes(nodes);
    for (const node of nodes) await untilMembers(node, nodes);
  } catch (error) {
    await remove();
    throw error;
  }
  const at = (index: number): RabbitNode => {
    const node = nodes[index];
    if (node === undefined) throw new Error(`the cluster has no node ${index}`);
    return node;
  };
  const killed = new Set<number>();
  return {
    nodes,
    async kill(...indexes) {
      await Promise.all(indexes.map((index) => at(index).kill()));
      for (const index of indexes) killed.add(index);
      const left = nodes.filter((_, each) => !killed.has(each));
      for (const node of left) await untilMembers(node, left);
    },
    async start(...indexes) {
      const starting = indexes.filter((index) => killed.delete(index));
      await Promise.all(starting.map((index) => at(index).restart()));
      const running = nodes.filter((_, each) => !killed.has(each));
      for (const index of starting) await untilMembers(at(index), running);
    },
    freeze: (index) => void process.kill(at(index).pid, 'SIGSTOP'),
    ctl: (index, ...args) => rabbitmqctl(at(index), args),
    async leaderOf(queue) {
      const alive = nodes.findIndex((_, index) => !killed.has(index));
      const { node, leader } = queueOf.parse(await managed(at(alive), `queues/%2F/${encodeURIComponent(queue)}`));
      return nodes.findIndex(({ name }) => name === (leader ?? node));
    },
    remove,
  };
}

function startedOf(results: readonly PromiseSettledResult<RabbitNode>[]): RabbitNode[] {
  return results.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
}

async function startNode(
  dataDir: string,
  index: number,
  { cookie, ...options }: { cookie: string; epmdPort: number; signal: AbortSignal },
): Promise<RabbitNode> {
  await mkdir(dataDir, { recursive: true });
  await writeFile(join(dataDir, '.erlang.cookie'), cookie, { mode: 0o400 });
  return startRabbitNode({
    ...installation(),
    ...options,
    dataDir,
    name: `n${index}@localhost`,
    logger: silentLogger(),
    startLimit: START_LIMIT,
  });
}

async function joinNodes([first, ...others]: readonly RabbitNode[]): Promise<void> {
  if (first === undefined) throw new Error('a cluster needs a node');
  await Promise.all(others.map((node) => rabbitmqctl(node, ['stop_app'])));
  for (const node of others) await rabbitmqctl(node, ['join_cluster', first.name]);
  await Promise.all(others.map((node) => rabbitmqctl(node, ['start_app'])));
}

/** Resolves when `node` responds and reports exactly `members` as running. */
async function untilMembers(node: RabbitNode, members: readonly RabbitNode[]): Promise<void> {
  const wanted = members.map(({ name }) => name).sort();
  const until = Date.now() + START_LIMIT;
  for (;;) {
    const running = await managed(node, 'nodes')
      .then((answer) => nodesOf.parse(answer).flatMap(({ name, running }) => (running ? [name] : [])))
      .catch(() => []);
    if (running.sort().join() === wanted.join()) return;
    if (Date.now() > until) throw new Error(`${node.name} sees ${running.join(', ')} in place of ${wanted.join(', ')}`);
    await sleep(POLL);
  }
}

async function managed(node: RabbitNode, path: string): Promise<unknown> {
  const { origin, username, password } = new URL(node.managementUrl);
  const response = await fetch(`${origin}/api/${path}`, {
    headers: { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` },
    signal: AbortSignal.timeout(10_000),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
}
