import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

/** The directories of the scripts in packages. Debian's /usr/sbin/rabbitmq-server is a wrapper that changes the user,
 *  so the actual script comes first. */
const KNOWN_DIRECTORIES = [
  '/usr/lib/rabbitmq/bin',
  '/opt/homebrew/opt/rabbitmq/sbin',
  '/usr/local/opt/rabbitmq/sbin',
  '/home/linuxbrew/.linuxbrew/opt/rabbitmq/sbin',
  '/opt/rabbitmq/sbin',
  '/usr/local/sbin',
];

/** Parent directories of `rabbitmq_server-<version>/sbin`, in Debian and the official tarballs. */
const VERSIONED_PARENTS = ['/usr/lib/rabbitmq/lib', '/opt', '/usr/local/lib'];

/** Directories that may contain `erl` and `epmd`, in addition to PATH. */
const SYSTEM_PATH = [
  '/usr/local/bin',
  '/usr/local/sbin',
  '/usr/bin',
  '/usr/sbin',
  '/bin',
  '/sbin',
  '/opt/homebrew/bin',
];

/** The script that runs a RabbitMQ node as the current user; undefined if RabbitMQ is not installed. `searchPath` is a
 *  PATH to search after the directories that packages use. */
export function findRabbitmqServer(searchPath = ''): string | undefined {
  const directories = [
    ...KNOWN_DIRECTORIES,
    ...VERSIONED_PARENTS.flatMap(versionedDirectories),
    ...searchPath.split(delimiter).filter((directory) => directory !== ''),
  ];
  for (const directory of directories) {
    const script = join(directory, 'rabbitmq-server');
    // no rabbitmq-env is next to the wrapper
    if (isExecutable(script) && existsSync(join(directory, 'rabbitmq-env'))) return script;
  }
  return undefined;
}

/** The PATH of a node: its own scripts, the given directories, and the usual directories of Erlang. */
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
