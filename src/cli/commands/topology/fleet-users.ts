import { namesFor } from '../../../broker/topology/topology.js';
import {
  operatorPermissions,
  permissionsOf,
  type ServiceAccess,
  type UserPermissions,
} from '../../../broker/users/permissions.js';
import { base } from '../../../events/definitions.js';
import { sagaEvents } from '../../../events/saga-events.js';
import type { Fleet } from '../../../fleet/define-fleet.js';
import { OPS_STORE } from '../../../fleet/reserved-names.js';
import { servicesOf } from '../../../runtime/stores/services.js';
import { hasQueue } from '../../../worker/definition/queues.js';
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

function accessOf(service: string, { workers, api }: Fleet): ServiceAccess {
  const definitions = workers.map(workerDefinitionOf);
  const withQueue = definitions.filter(hasQueue);
  if (service === OPS_STORE) {
    const publishes = Object.keys(base).filter((type) => !(type in sagaEvents));
    return { service, workers: [], readsLog: false, keeps: withQueue.map(({ name }) => name), publishes };
  }
  const own = definitions.filter(({ store }) => store === service);
  const emitted = own.flatMap(({ emits }) => [...emits]);
  const isAny = service === api?.store && api.emits === undefined;
  return {
    service,
    workers: withQueue.filter((worker) => own.includes(worker)).map(({ name }) => name),
    readsLog: own.some(({ from }) => from === 'log'),
    keeps: [],
    publishes: isAny ? undefined : [...emitted, ...(service === api?.store ? (api.emits ?? []) : [])],
  };
}
