import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Runs `work` with the environment of the runs of one suite: they share a RabbitMQ, because each test has names of its own
 *  in it and a node takes ten seconds to start and stop, and compiled code, because tests start hundreds of processes. Needs
 *  the compiled library. Leaves nothing behind. */
export async function withShared(work) {
  const folder = await mkdtemp(join(tmpdir(), 'flotilla-test-'));
  let node;
  try {
    const env = { NODE_COMPILE_CACHE: join(folder, 'compiled') };
    const { FLOTILLA_TEST_AMQP_URL, FLOTILLA_TEST_MANAGEMENT_URL } = process.env;
    if (FLOTILLA_TEST_AMQP_URL === undefined || FLOTILLA_TEST_MANAGEMENT_URL === undefined) {
      node = await startNode(join(folder, 'rabbitmq'));
      env.FLOTILLA_TEST_AMQP_URL = node.amqpUrl;
      env.FLOTILLA_TEST_MANAGEMENT_URL = node.managementUrl;
    }
    return await work(env);
  } finally {
    await node?.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function startNode(dataDir) {
  const { startRabbitNode } = await import('../dist/src/supervisor/broker/rabbitmq-node.js');
  const { silentLogger } = await import('../dist/src/telemetry/logger.js');
  return startRabbitNode({ dataDir, logger: silentLogger(), searchPath: process.env.PATH ?? '' });
}
