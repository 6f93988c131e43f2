import { OPERATOR } from '../broker/users/permissions.js';
import { namesFor } from '../broker/topology/topology.js';
import { planProcesses } from '../supervisor/plan.js';

/** The store of dead letters, which only the keeper and the operators' commands open. */
export const OPS_STORE = 'ops';

/** The store of the events that come from Kafka. */
export const KAFKA_STORE = 'kafka';

/** Names that no worker may have: they belong to other processes of every fleet, their store and their broker
 *  objects. */
export const RESERVED_NAMES: ReadonlySet<string> = new Set([
  OPS_STORE,
  OPERATOR,
  'up',
  ...planProcesses({ workers: [], hasApi: true, hasSandbox: true, hasKafka: true, scale: {} }).map(({ name }) => name),
  ...Object.values(namesFor('')).filter((name) => typeof name === 'string'),
]);
