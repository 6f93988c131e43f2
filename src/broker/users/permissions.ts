import { sizesOf, type Names, type WorkerQueues } from '../topology/topology.js';

/** The properties of a service that determine its permissions. */
export interface ServiceAccess {
  service: string;
  /** Its workers that have a queue. */
  workers: readonly Pick<WorkerQueues, 'name' | 'ordered'>[];
  /** Whether it reads the log. */
  readsLog: boolean;
  /** Workers whose dead letters it consumes. */
  keeps: readonly string[];
  /** The types that it publishes; undefined if not declared: any. */
  publishes: readonly string[] | undefined;
}

/**
 * The permissions of one AMQP user in the fleet's virtual host, as regular expressions.
 * Source: https://www.rabbitmq.com/docs/access-control
 */
export interface UserPermissions {
  user: string;
  /** The service whose processes connect as this user; null for the operators' command line. */
  service: string | null;
  tags: readonly string[];
  configure: string;
  write: string;
  read: string;
  /** For topic exchanges: the routing keys that it may publish and bind with. An empty list allows any. */
  topics: readonly { exchange: string; write: string; read: string }[];
  needs: NeededAccess;
}

/** What RabbitMQ stores of the permissions of a user. */
export type GrantablePermissions = Pick<UserPermissions, 'user' | 'configure' | 'write' | 'read' | 'topics'>;

/** The names that the permissions of a user must match. An example stands for a class of names, such as those with a
 *  UUID. */
export interface NeededAccess {
  configure: readonly string[];
  write: readonly string[];
  read: readonly string[];
  /** The types that it publishes to the topic exchange, as routing keys; none if it may publish any. */
  publishes: { exchange: string; types: readonly string[] };
}

const NOTHING = '^$';
const UUID = '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const EXAMPLE_UUID = '00000000-0000-0000-0000-000000000000';
/** The name of the default exchange in permissions. */
const DEFAULT_EXCHANGE = 'amq.default';

/** The user of the operators' command line. It may replay and edit any message. */
export const OPERATOR = 'operator';

/** Returns the AMQP user of a service, or of `OPERATOR`, unless the configuration names another one. */
export function userOf(service: string, prefix: string): string {
  return `${prefix === '' ? 'flotilla-' : prefix}${service}`;
}

/** Returns the minimum permissions of a service's processes after an operator has applied the topology. It may
 *  declare only the claim of its own store and the record of the fleet's key. */
export function permissionsOf(access: ServiceAccess, names: Names, prefix: string): UserPermissions {
  const { service, workers, readsLog, keeps, publishes } = access;
  const claim = names.store(service);
  const configure = [claim, names.fleetKey];
  const write = [names.events, ...workers.map(({ name }) => names.failed(name))];
  const ordered = workers.filter((worker) => worker.ordered !== undefined);
  const read = [
    claim,
    names.fleetKey,
    ...workers.flatMap(({ name }) => [names.queue(name), names.newer(name)]),
    ...ordered.map(({ name }) => names.mark(name)),
    ...(readsLog ? [names.log] : []),
    ...keeps.map(names.dead),
  ];
  return {
    user: userOf(service, prefix),
    service,
    tags: [],
    configure: exactly(configure),
    write: anyOf(write.map(escaped), `${escaped(names.store(''))}${UUID}`, `${escaped(names.fleetKey)}\\.[0-9a-f]{8}`),
    // of every number of partitions, because it can change
    read: anyOf(read.map(escaped), ...ordered.map(({ name }) => `${escaped(names.queue(name))}\\.p[0-9]+\\.[0-9]+`)),
    topics: [
      {
        exchange: names.events,
        write: publishes === undefined ? '.*' : exactly(publishes),
        read: NOTHING,
      },
    ],
    needs: {
      configure,
      write: [...write, names.store(EXAMPLE_UUID), `${names.fleetKey}.00000000`],
      read: [...read, ...ordered.flatMap((worker) => lastPartitions(worker, names))],
      publishes: { exchange: names.events, types: publishes ?? [] },
    },
  };
}

/** The last queue of each number of partitions. */
function lastPartitions({ name, ordered }: Pick<WorkerQueues, 'name' | 'ordered'>, names: Names): string[] {
  return sizesOf(ordered?.partitions ?? 1).map((size) => names.partition(name, size, size - 1));
}

/** Grants everything under the prefix, and the default exchange, which returns dead letters to the queue of their
 *  worker. `services`: the other users, whose objects it must have access to. */
export function operatorPermissions(
  names: Names,
  prefix: string,
  services: readonly UserPermissions[],
): UserPermissions {
  const all = prefix === '' ? '.*' : `^${escaped(prefix)}`;
  const write = prefix === '' ? all : `^(amq\\.default$|${escaped(prefix)})`;
  const user = userOf(OPERATOR, prefix);
  const { configure: _, ...needs } = allNeeds(services, names);
  const objects = [...new Set([...needs.write, ...needs.read])];
  return {
    user,
    service: null,
    tags: ['monitoring'],
    configure: all,
    write,
    read: all,
    topics: [{ exchange: names.events, write: '.*', read: '.*' }],
    needs: { ...needs, configure: objects, write: [...objects, DEFAULT_EXCHANGE], read: objects },
  };
}

/** Returns the permissions of one user that needs those of several others. */
export function joinedPermissions(user: string, parts: readonly UserPermissions[]): GrantablePermissions {
  const topics = parts.flatMap((part) => part.topics);
  return {
    user,
    configure: eitherOf(parts.map(({ configure }) => configure)),
    write: eitherOf(parts.map(({ write }) => write)),
    read: eitherOf(parts.map(({ read }) => read)),
    topics: [...new Set(topics.map(({ exchange }) => exchange))].map((exchange) => {
      const own = topics.filter((topic) => topic.exchange === exchange);
      return { exchange, write: eitherOf(own.map(({ write }) => write)), read: eitherOf(own.map(({ read }) => read)) };
    }),
  };
}

/** Returns what one user needs that all these services connect as. */
export function allNeeds(services: readonly UserPermissions[], names: Names): NeededAccess {
  const all = (list: (needs: NeededAccess) => readonly string[]) => [
    ...new Set(services.flatMap(({ needs }) => list(needs))),
  ];
  return {
    configure: all(({ configure }) => configure),
    write: all(({ write }) => write),
    read: all(({ read }) => read),
    publishes: { exchange: names.events, types: all(({ publishes }) => publishes.types) },
  };
}

function exactly(names: readonly string[]): string {
  return anyOf(names.map(escaped));
}

function anyOf(names: readonly string[], ...patterns: string[]): string {
  const all = [...new Set([...names, ...patterns])].sort();
  return all.length === 0 ? NOTHING : `^(${all.join('|')})$`;
}

/** Returns a pattern that matches what one of the patterns matches. */
function eitherOf(patterns: readonly string[]): string {
  const some = [...new Set(patterns)].filter((pattern) => pattern !== NOTHING);
  return some.length === 0 ? NOTHING : some.join('|');
}

function escaped(name: string): string {
  return name.replaceAll('.', '\\.');
}
