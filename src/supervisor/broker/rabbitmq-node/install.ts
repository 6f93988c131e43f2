import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

/** Where packages put the scripts themselves. Debian's /usr/sbin/rabbitmq-server is a wrapper that changes the user,
 *  so the real one comes first. */
const KNOWN_DIRECTORIES = [
  '/usr/lib/rabbitmq/bin',
  '/opt/homebrew/opt/rabbitmq/sbin',
  '/usr/local/opt/rabbitmq/sbin',
  '/home/linuxbrew/.linuxbrew/opt/rabbitmq/sbin',
  '/opt/rabbitmq/sbin',
  '/usr/local/sbin',
];

/** Below this, Debian and the official tarballs keep `rabbitmq_server-<version>/sbin`. */
const VERSIONED_PARENTS = ['/usr/lib/rabbitmq/lib', '/opt', '/usr/local/lib'];

/** Where `erl` and `epmd` may be, whatever PATH says. */
const SYSTEM_PATH = [
  '/usr/local/bin',
  '/usr/local/sbin',
  '/usr/bin',
  '/usr/sbin',
  '/bin',
  '/sbin',
  '/opt/homebrew/bin',
];

/** The script that runs a RabbitMQ node as the current user, or undefined where RabbitMQ is not installed.
 *  `searchPath` is a PATH to look through after the places that packages use. */
export function findRabbitmqServer(searchPath = ''): string | undefined {
  const directories = [
    ...KNOWN_DIRECTORIES,
    ...VERSIONED_PARENTS.flatMap(versionedDirectories),
    ...searchPath.split(delimiter).filter((directory) => directory !== ''),
  ];
  for (const directory of directories) {
    const script = join(directory, 'rabbitmq-server');
    // the wrapper has no rabbitmq-env beside it
    if (isExecutable(script) && existsSync(join(directory, 'rabbitmq-env'))) return script;
  }
  return undefined;
}

/** The PATH a node runs with: its own scripts, what was given, and where systems keep Erlang. */
export function pathFor(server: string, searchPath = ''): string {
  return [dirname(server), searchPath, ...SYSTEM_PATH].filter((part) => part !== '').join(delimiter);
}

function versionedDirectories(parent: string): string[] {
  if (!existsSync(parent)) return [];
  return readdirSync(parent)
    .filter((name) => name.startsWith('rabbitmq_server-'))
    .sort()
    .reverse()
    .map((name) => join(parent, name, 'sbin'));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
