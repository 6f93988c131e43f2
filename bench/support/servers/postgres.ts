import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chown, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { freePort } from '../../../src/supervisor/broker/rabbitmq-node/ports.js';
import { findProgram, postgresFolders, unprivilegedUser } from '../programs.js';
import { startServer, type BenchServer } from './server.js';

/** Starts PostgreSQL with its default durability: each commit is synced before its reply. Throws
 *  `NotInstalledError`. */
export async function startPostgres(): Promise<BenchServer> {
  const folders = await postgresFolders();
  const [command, initdb] = await Promise.all(
    ['postgres', 'initdb'].map((name) => findProgram(name, 'postgresql', folders)),
  );
  const user = await unprivilegedUser('postgres');
  return startServer('postgres', user, async (folder) => {
    const port = await freePort(undefined, new Set());
    const password = randomUUID();
    const passwordFile = `${folder}/password`;
    await writeFile(passwordFile, password, { mode: 0o600 });
    if (user !== undefined) await chown(passwordFile, user.uid, user.gid);
    const data = `${folder}/cluster`;
    const access = ['--username=bench', `--pwfile=${passwordFile}`, '--auth=scram-sha-256'];
    await promisify(execFile)(initdb ?? '', ['-D', data, '--encoding=UTF8', '--locale=C', ...access], {
      cwd: folder,
      ...user,
    }).catch(({ stderr = '' }: { stderr?: string }) => {
      throw new Error(`initdb failed: ${stderr}`);
    });
    const settings = {
      listen_addresses: '127.0.0.1',
      port: String(port),
      unix_socket_directories: '',
      fsync: 'on',
      synchronous_commit: 'on',
    };
    return {
      url: `postgres://bench:${password}@127.0.0.1:${port}/postgres`,
      command: command ?? '',
      args: ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
      ready: 'ready to accept connections',
      signal: 'SIGINT',
      user,
    };
  });
}
