import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { quickRabbitmq } from './quick-rabbitmq.mjs';
import { temporaryFolder } from './temporary-folder.mjs';

/** All runs together use about 1 GB at their peak, most of it installed packages. */
const SPACE_BYTES = 3e9;

/** Calls `work` with the environment that all runs of a suite share: a RabbitMQ, because a node takes ten seconds to
 *  start and stop and each test uses separate names in it; a cache of compiled code, because tests start hundreds of
 *  processes; and a folder for temporary files, in memory if possible, because each commit of a store or a queue waits
 *  for its disk. Needs the compiled library. Stops the node and removes all files at the end, and when `signal` aborts
 *  while it starts. */
export async function withShared(work, signal) {
  const folder = await mkdtemp(join(temporaryFolder(SPACE_BYTES), 'flotilla-test-'));
  let node;
  try {
    const env = { NODE_COMPILE_CACHE: join(folder, 'compiled'), TMPDIR: join(folder, 'tmp') };
    await mkdir(env.TMPDIR);
    let server = await startScript(join(folder, 'installation'));
    const { FLOTILLA_TEST_AMQP_URL, FLOTILLA_TEST_MANAGEMENT_URL } = process.env;
    if (FLOTILLA_TEST_AMQP_URL === undefined || FLOTILLA_TEST_MANAGEMENT_URL === undefined) {
      const start = () => startNode({ dataDir: join(folder, 'rabbitmq'), server, signal });
      node = await start().catch((error) => {
        if (server === undefined || signal?.aborted) throw error;
        server = undefined; // an installation that cannot be linked
        return start();
      });
      env.FLOTILLA_TEST_AMQP_URL = node.amqpUrl;
      env.FLOTILLA_TEST_MANAGEMENT_URL = node.managementUrl;
    }
    if (server !== undefined) env.FLOTILLA_TEST_RABBITMQ_SERVER = server;
    return await work(env);
  } finally {
    await node?.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** The script that starts the installed RabbitMQ faster; undefined for the script of the installation. */
async function startScript(folder) {
  const { findRabbitmqServer } = await import('../dist/src/supervisor/broker/rabbitmq-node/install.js');
  return quickRabbitmq(findRabbitmqServer(process.env.PATH), folder);
}

async function startNode(options) {
  const { startRabbitNode } = await import('../dist/src/supervisor/broker/rabbitmq-node.js');
  const { silentLogger } = await import('../dist/src/telemetry/logger.js');
  return startRabbitNode({ ...options, logger: silentLogger(), searchPath: process.env.PATH ?? '' });
}
