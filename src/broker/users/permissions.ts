import type { Names } from '../topology/topology.js';

/** A service as far as its permissions depend on it. */
export interface ServiceAccess {
  service: string;
  /** Its workers that have a queue. */
  workers: readonly string[];
  /** Whether it reads the log. */
  readsLog: boolean;
  /** Workers whose dead letters it takes. */
  keeps: readonly string[];
  /** The types that it publishes; undefined: not declared, any. */
  publishes: readonly string[] | undefined;
}

/** The permissions of one AMQP user in the virtual host of the fleet: regular expressions, as RabbitMQ has them.
 *  Source: https://www.rabbitmq.com/docs/access-control */
export interface UserPermissions {
  user: string;
  /** The service whose processes connect as this user; null: the operators' command line. */
  service: string | null;
  tags: readonly string[];
  configure: string;
  write: string;
  read: string;
  /** For topic exchanges: the routing keys that it may publish with, and bind by. None: any. */
  topics: readonly { exchange: string; write: string; read: string }[];
}

const NOTHING = '^$';
const UUID = '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}';

/** The user that the command line of operators connects as. It may replay and edit anything. */
export const OPERATOR = 'operator';

/** The AMQP user of a service, or of `OPERATOR`, unless the configuration names another. */
export function userOf(service: string, prefix: string): string {
  return `${prefix === '' ? 'flotilla-' : prefix}${service}`;
}

/** The least that the processes of a service need, once an operator has applied the topology. It may declare the claim of
 *  its own store and of the fleet's key, and nothing else. */
export function permissionsOf(access: ServiceAccess, names: Names, prefix: string): UserPermissions {
  const { service, workers, readsLog, keeps, publishes } = access;
  const claim = names.store(service);
  return {
    user: userOf(service, prefix),
    service,
    tags: [],
    configure: exactly([claim, names.fleetKey]),
    write: anyOf(
      [names.events, ...workers.map(names.failed)].map(escaped),
      `${escaped(names.store(''))}${UUID}`,
      `${escaped(names.fleetKey)}\\.[0-9a-f]{8}`,
    ),
    read: exactly([
      claim,
      names.fleetKey,
      ...workers.map(names.queue),
      ...(readsLog ? [names.log] : []),
      ...keeps.map(names.dead),
    ]),
    topics: [
      {
        exchange: names.events,
        write: publishes === undefined ? '.*' : exactly(publishes),
        read: NOTHING,
      },
    ],
  };
}

/** Everything under the prefix, and the default exchange, by which dead letters return to the queue of their worker. */
export function operatorPermissions(prefix: string): UserPermissions {
  const all = prefix === '' ? '.*' : `^${escaped(prefix)}`;
  const write = prefix === '' ? all : `^(amq\\.default$|${escaped(prefix)})`;
  const user = userOf(OPERATOR, prefix);
  return { user, service: null, tags: ['monitoring'], configure: all, write, read: all, topics: [] };
}

function exactly(names: readonly string[]): string {
  return anyOf(names.map(escaped));
}

function anyOf(names: readonly string[], ...patterns: string[]): string {
  const all = [...new Set([...names, ...patterns])].sort();
  return all.length === 0 ? NOTHING : `^(${all.join('|')})$`;
}

function escaped(name: string): string {
  return name.replaceAll('.', '\\.');
}
