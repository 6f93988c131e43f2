import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Calls `work` with the environment that all runs of a suite share: a RabbitMQ, because a node takes ten seconds to
 *  start and stop and each test uses separate names in it; and a cache of compiled code, because tests start hundreds
 *  of processes. Needs the compiled library. Stops the node and removes its files at the end, and when `signal` aborts
 *  while it starts. */
export async function withShared(work, signal) {
  const folder = await mkdtemp(join(tmpdir(), 'flotilla-test-'));
  let node;
  try {
    const env = { NODE_COMPILE_CACHE: join(folder, 'compiled') };
    const { FLOTILLA_TEST_AMQP_URL, FLOTILLA_TEST_MANAGEMENT_URL } = process.env;
    if (FLOTILLA_TEST_AMQP_URL === undefined || FLOTILLA_TEST_MANAGEMENT_URL === undefined) {
      node = await startNode(join(folder, 'rabbitmq'), signal);
      env.FLOTILLA_TEST_AMQP_URL = node.amqpUrl;
      env.FLOTILLA_TEST_MANAGEMENT_URL = node.managementUrl;
    }
    return await work(env);
  } finally {
    await node?.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function startNode(dataDir, signal) {
  const { startRabbitNode } = await import('../dist/src/supervisor/broker/rabbitmq-node.js');
  const { silentLogger } = await import('../dist/src/telemetry/logger.js');
  return startRabbitNode({ dataDir, logger: silentLogger(), signal, searchPath: process.env.PATH ?? '' });
}
