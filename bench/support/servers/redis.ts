import { randomUUID } from 'node:crypto';
import { freePort } from '../../../src/supervisor/broker/rabbitmq-node/ports.js';
import { findProgram } from '../programs.js';
import { startServer, type BenchServer } from './server.js';

/** Starts Redis with an append-only file that is synced before each reply. Throws `NotInstalledError`. */
export async function startRedis(): Promise<BenchServer> {
  const command = await findProgram('redis-server', 'redis-server');
  return startServer('redis', undefined, async (folder) => {
    const port = await freePort(undefined, new Set());
    const password = randomUUID();
    const settings = {
      bind: '127.0.0.1',
      port: String(port),
      requirepass: password,
      dir: folder,
      appendonly: 'yes',
      appendfsync: 'always',
      'maxmemory-policy': 'noeviction',
    };
    return {
      url: `redis://:${password}@127.0.0.1:${port}`,
      command,
      args: [...Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]), '--save', ''],
      ready: 'Ready to accept connections',
      signal: 'SIGTERM',
    };
  });
}
