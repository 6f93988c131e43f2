import { lstatSync, readdirSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { removeAccessOfOthers } from '../../files/private-file.js';
import { isStoreFile } from '../../store/sqlite/read/read-store-id.js';

/** The lock files; `reset` keeps them, and recognizes a data directory by them. */
export const LOCK_FILES = { supervisor: '.supervisor', use: '.in-use' } as const;

/** An entry of a data directory that Flotilla or its private broker has created. */
export interface DataEntry {
  /** Relative to the data directory. */
  name: string;
  bytes: number;
  /** Absolute paths of its files and folders, each folder after its contents. Symbolic links are never followed. */
  paths: string[];
}

export interface DataContents {
  own: DataEntry[];
  /** All other entries, relative to the data directory: files of other programs, and symbolic links. */
  foreign: string[];
}

/** `file`: a file of this name. `tree`: a file, or a folder with everything below it. */
type Rule = 'file' | 'tree' | Names;

/** A folder, and the names in it that belong to Flotilla. */
interface Names {
  readonly [pattern: string]: Rule;
}

const SQLITE = '(-wal|-shm|-journal)?';
const SERVICE = '[a-z][a-z0-9-]*';
const node: Names = {
  'node\\.json(\\.new)?|version|rabbit\\.pid|rabbitmq(-env)?\\.conf|enabled_plugins|\\.erlang\\.cookie': 'file',
  'erl_crash\\.dump': 'file',
  '\\.cache|\\.config': 'tree',
  mnesia: { '[^@]+@[^@]+': 'tree' },
  log: { '[^/]+\\.log[^/]*': 'file' },
};
const locks = Object.values(LOCK_FILES).map((name) => `\\${name}${SQLITE}`);
const names: Names = {
  [locks.join('|')]: 'file',
  'fleet\\.json(\\.next)?|fleet\\.key|broker-refill-pending': 'file',
  run: { [`${SERVICE}-\\d+\\.json(\\.next)?`]: 'file' },
  stores: { [`${SERVICE}(\\.given-up)?\\.json(\\.\\d+\\.next)?`]: 'file' },
  sandbox: { [`sandbox\\.db${SQLITE}`]: 'file' },
  'rabbitmq(-[^-/]+-\\d{8}T\\d{6})?': node,
};
const STORE = new RegExp(`^(${SERVICE})(\\.archive)?\\.db(${SQLITE}|-relay-lock|-news)$`);

/** The contents of a data directory; empty if it does not exist. `broker: false` omits the files of the private broker,
 *  which can be thousands. */
export function contentsOf(dataDir: string, { broker = true } = {}): DataContents {
  const contents: DataContents = { own: [], foreign: [] };
  for (const name of listing(dataDir).sort()) {
    if (!broker && /^rabbitmq/.test(name)) continue;
    const entry: DataEntry = { name, bytes: 0, paths: [] };
    const rule = ruleFor(name, names) ?? (isStore(dataDir, name) ? 'file' : undefined);
    collect(dataDir, name, rule, entry, contents.foreign);
    if (entry.paths.length > 0) contents.own.push(entry);
  }
  return contents;
}

/** The services whose stores are in a data directory. */
export function storesIn(dataDir: string): string[] {
  return listing(dataDir).flatMap((name) => {
    const [, service = '', archive, ending] = STORE.exec(name) ?? [];
    return service !== '' && archive === undefined && ending === '' && isStoreFile(join(dataDir, name))
      ? [service]
      : [];
  });
}

/** Removes the permissions of group and others from a data directory and from everything in it that Flotilla has
 *  created; earlier releases left them readable. Files of other programs are unchanged, and so is the directory while
 *  it contains any. `broker` as for `contentsOf`. */
export function makePrivate(dataDir: string, options: { broker: boolean }): void {
  const { own, foreign } = contentsOf(dataDir, options);
  for (const path of own.flatMap(({ paths }) => paths)) removeAccessOfOthers(path);
  if (foreign.length === 0) removeAccessOfOthers(dataDir);
}

/** Adds the entries of Flotilla at and below `name` to `entry`, and the others to `foreign`. Returns true if none is
 *  foreign. */
function collect(
  dataDir: string,
  name: string,
  rule: Rule | 'below' | undefined,
  entry: DataEntry,
  foreign: string[],
): boolean {
  const path = join(dataDir, name);
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return true; // removed since the directory was listed
  if (!isOwn(stats, rule)) {
    foreign.push(name);
    return false;
  }
  let whole = true;
  if (stats.isDirectory()) {
    for (const below of listing(path).sort()) {
      const next = typeof rule === 'object' ? ruleFor(below, rule) : 'below';
      whole = collect(dataDir, join(name, below), next, entry, foreign) && whole;
    }
  } else {
    entry.bytes += stats.size;
  }
  // a folder belongs to Flotilla only if everything in it does
  if (whole) entry.paths.push(path);
  return whole;
}

function isOwn(stats: Stats, rule: Rule | 'below' | undefined): boolean {
  if (rule === 'below') return true;
  if (rule === 'file') return stats.isFile();
  if (rule === 'tree') return stats.isFile() || stats.isDirectory();
  return rule !== undefined && stats.isDirectory();
}

function ruleFor(name: string, rules: Names): Rule | undefined {
  return Object.entries(rules).find(([pattern]) => new RegExp(`^(${pattern})$`).test(name))?.[1];
}

/** A store is recognized by its content or by its record, because any program may create a file `notes.db`. */
function isStore(dataDir: string, name: string): boolean {
  const [, service, archive = ''] = STORE.exec(name) ?? [];
  if (service === undefined) return false;
  const recorded = ['json', 'given-up.json'].some(
    (ending) => lstatSync(join(dataDir, 'stores', `${service}.${ending}`), { throwIfNoEntry: false }) !== undefined,
  );
  return recorded || isStoreFile(join(dataDir, `${service}${archive}.db`));
}

function listing(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}
