import { namesFor } from '../../../broker/topology/topology.js';
import {
  joinedPermissions,
  OPERATOR,
  operatorPermissions,
  permissionsOf,
  type GrantablePermissions,
  type ServiceAccess,
  type UserPermissions,
} from '../../../broker/users/permissions.js';
import { base } from '../../../events/definitions.js';
import { sagaEvents } from '../../../events/saga-events.js';
import type { Config } from '../../../config/load-config.js';
import type { Fleet } from '../../../fleet/define-fleet.js';
import { typesFromKafka } from '../../../fleet/kafka.js';
import { KAFKA_STORE, OPS_STORE } from '../../../fleet/reserved-names.js';
import { servicesOf } from '../../../runtime/stores/services.js';
import { hasQueue, queuesOfAll } from '../../../worker/definition/queues.js';
import { workerDefinitionOf } from '../../../worker/definition/worker-definition.js';

/** Returns the users of all services of the fleet and of the operators. */
export function fleetUsers(fleet: Fleet, prefix: string): UserPermissions[] {
  const names = namesFor(prefix);
  const services = [
    ...new Set([...servicesOf(fleet), ...fleet.workers.map(workerDefinitionOf).map(({ store }) => store)]),
  ];
  const users = services.map((service) => permissionsOf(accessOf(service, fleet), names, prefix));
  return [...users, operatorPermissions(names, prefix, users)];
}

/** Returns the names of the users that connect with these permissions: those of AMQP_USERS, or the printed one. */
export function userNamesOf({ service, user }: UserPermissions, amqpUsers: Config['amqpUsers']): readonly string[] {
  return amqpUsers[service ?? OPERATOR] ?? [user];
}

/** Returns the permissions of the user with this name. `shared`: it is the user of no service, so all processes and the
 *  command line use it, and it may do everything under the prefix. */
export function permissionsOfUser(
  name: string,
  users: readonly UserPermissions[],
  amqpUsers: Config['amqpUsers'],
): { permissions: GrantablePermissions; shared: boolean } {
  const own = users.filter((each) => userNamesOf(each, amqpUsers).includes(name));
  const shared = own.length === 0;
  const parts = shared ? users.filter(({ service }) => service === null) : own;
  return { permissions: joinedPermissions(name, parts), shared };
}

function accessOf(service: string, fleet: Fleet): ServiceAccess {
  const { workers, api } = fleet;
  const definitions = workers.map(workerDefinitionOf);
  const withQueue = definitions.filter(hasQueue);
  if (service === OPS_STORE) {
    const publishes = Object.keys(base).filter((type) => !(type in sagaEvents));
    return { service, workers: [], readsLog: false, keeps: withQueue.map(({ name }) => name), publishes };
  }
  if (service === KAFKA_STORE) {
    return { service, workers: [], readsLog: false, keeps: [], publishes: typesFromKafka(fleet) };
  }
  const own = definitions.filter(({ store }) => store === service);
  const emitted = own.flatMap(({ emits }) => [...emits]);
  const isAny = service === api?.store && api.emits === undefined;
  return {
    service,
    workers: queuesOfAll(own),
    readsLog: own.some(({ from }) => from === 'log'),
    keeps: [],
    publishes: isAny ? undefined : [...emitted, ...(service === api?.store ? (api.emits ?? []) : [])],
  };
}
