import { messageOf } from '../errors.js';
import type { ServiceStores } from '../store/service-stores.js';
import { FaultLogs } from '../telemetry/fault-log.js';
import type { Logger } from '../telemetry/logger.js';

const NO_STORES: ServiceStores = { services: [], open: () => Promise.resolve(undefined) };

/** The stores of the services. A store that cannot be opened counts as unreachable; the others remain readable. */
export function reachableStores(stores: ServiceStores = NO_STORES, logger: Logger): ServiceStores {
  const faults = new FaultLogs(logger);
  return {
    services: stores.services,
    async open(service) {
      const fault = faults.of(service);
      try {
        const store = await stores.open(service);
        fault.recovered('journal: store of a service can be opened again', { service });
        return store;
      } catch (error) {
        fault.failed('journal: store of a service cannot be opened', { service, error: messageOf(error) });
        return undefined;
      }
    },
  };
}

/** The stores from which lost entries are recovered, for an alarm. */
export async function remedyFrom({ services, ...stores }: ServiceStores): Promise<string> {
  const found = await Promise.all(services.map((service) => stores.open(service)));
  const reachable = services.filter((_, index) => found[index] !== undefined);
  const unreachable = services.filter((_, index) => found[index] === undefined);
  return [
    reachable.length === 0
      ? 'no store to recover them from is reachable'
      : `recovering them from the stores of ${reachable.join(', ')}`,
    ...(unreachable.length === 0 ? [] : [`unreachable: the stores of ${unreachable.join(', ')}`]),
  ].join('; ');
}
